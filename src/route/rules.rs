//! Whether the flags of one number fit each other and what the number has. The configuration and a change at run time
//! are held against the same rules.

use super::{Effect, Flag, Flags, Mode, Route, Side};

/// What a number has.
#[derive(Clone, Copy, Debug)]
pub struct Means {
    /// `[numbers.onprem]`
    pub onprem: bool,
    /// Its `username` and `password`.
    pub onprem_login: bool,
    /// `[numbers.cloud]` with an access token.
    pub cloud: bool,
    /// Whether on-prem answers are compared as recorded (`compare.against = "recorded"`).
    pub recorded: bool,
    /// Whether the old client's callbacks can come in (`[intake] listen` is set).
    pub intake: bool,
}

/// All that is wrong: which route's flag, and what would be right. Each text goes on where `the flag` or `it` began.
pub fn faults(flags: &Flags, means: Means) -> Vec<(Route, String)> {
    let mut faults = Vec::new();
    for (route, flag) in flags.iter() {
        let what = unfit(route, flag).or_else(|| impossible(route, flag, means));
        faults.extend(what.map(|what| (route, what)));
    }
    if flags[Route::Login] != flags[Route::Logout] {
        let what = "differs from login; a token can only be taken back where it was given out, so give both one flag";
        faults.push((Route::Logout, what.to_owned()));
    }
    faults.extend(sends_to_both(flags));
    faults
}

/// What is wrong with a flag whatever the number has and its other flags say.
pub fn unfit(route: Route, flag: Flag) -> Option<String> {
    match flag.mode {
        Mode::OnPrem | Mode::Off => None,
        Mode::Cloud if route.effect() == Effect::Send && flag.percent != 100 => Some(format!(
            "would send a share of {}% from Cloud and the rest on-prem, but a number is registered with one API at a time; \
             what is sent goes to one side as a whole",
            flag.percent
        )),
        Mode::Cloud if !route.is_served_from_cloud() => {
            let instead = match route.is_comparable() {
                true => "\"onprem\", \"compare\" or \"off\"",
                false => "\"onprem\" or \"off\"",
            };
            Some(format!("cannot be \"cloud\" in this version; use {instead}"))
        }
        Mode::Cloud if route == Route::Login && flag.uses(Side::OnPrem) && flag.uses(Side::Cloud) => Some(
            "takes no share: a caller whose token comes from one side and whose logout goes to the other would stay logged in"
                .to_owned(),
        ),
        Mode::Cloud => None,
        Mode::Compare if !route.is_comparable() => {
            let why = match route {
                Route::Login | Route::Logout => "what a login gives is a secret of one side",
                _ => "Cloud cannot answer it in this version",
            };
            Some(format!("cannot be compared: {why}"))
        }
        Mode::Compare if route.effect() == Effect::Send && flag.answer == Side::Cloud => Some(
            "is sent by the side that answers, and Cloud cannot send in this version; use answer = \"onprem\"".to_owned(),
        ),
        Mode::Compare => None,
    }
}

/// Whose answer a comparison gives where nobody says. A baseline cannot answer; what is sent is never taken from one.
pub fn usual_answer(route: Route, recorded: bool) -> Side {
    match route.effect() {
        Effect::Read | Effect::Idempotent if recorded => Side::Cloud,
        _ => Side::OnPrem,
    }
}

/// Whether a route with this flag cannot do without the number's identity at Meta.
pub fn needs_cloud(route: Route, flag: Flag) -> bool {
    route.asks_meta() && (flag.mode == Mode::Compare || flag.uses(Side::Cloud))
}

/// Whether callers may hold tokens that the old client does not know while some calls still go there.
pub fn needs_own_session(flags: &Flags) -> bool {
    let gives_tokens = flags[Route::Login].uses(Side::Cloud);
    gives_tokens && flags.iter().any(|(_, flag)| flag.uses(Side::OnPrem))
}

fn impossible(route: Route, flag: Flag, means: Means) -> Option<String> {
    if flag.mode == Mode::Compare {
        return incomparable(route, flag, means);
    }
    if flag.uses(Side::OnPrem) && !means.onprem {
        let what = match flag.mode {
            Mode::OnPrem => "is \"onprem\"",
            _ => "leaves a share to on-prem",
        };
        return Some(format!(
            "{what}, but this number has no [numbers.onprem]; write its url, or change the flag"
        ));
    }
    (needs_cloud(route, flag) && !means.cloud).then(|| {
        "needs Cloud, but this number has no [numbers.cloud] with an access_token".to_owned()
    })
}

fn incomparable(route: Route, flag: Flag, means: Means) -> Option<String> {
    if needs_cloud(route, flag) && !means.cloud {
        return Some("cannot be compared without [numbers.cloud] and its access_token".to_owned());
    }
    // What is sent is put beside its translation; no baseline has a part in that.
    let is_sent = route.effect() == Effect::Send;
    if means.recorded && !is_sent {
        let what = "has \"onprem\" as answer, which is not asked with compare.against = \"recorded\"; use answer = \"cloud\"";
        return (flag.answer == Side::OnPrem).then(|| what.to_owned());
    }
    if !means.onprem && is_sent {
        return Some(
            "has nobody to send: there is no [numbers.onprem], and Cloud cannot send in this version"
                .to_owned(),
        );
    }
    if !means.onprem {
        return Some("has nothing to be compared with: there is no [numbers.onprem]; record a baseline beforehand, or \
             import one, and set compare.against = \"recorded\"".to_owned());
    }
    if flag.answer == Side::Cloud && !means.onprem_login {
        return Some(
            "is answered by Cloud, so the old client is asked by the bridge itself, which needs \
             [numbers.onprem] username and password: a caller's token never goes to the other side"
                .to_owned(),
        );
    }
    (route == Route::MediaDownload && !means.intake).then(|| {
        "cannot be compared: the old client's callbacks have no way in, because [intake] listen is empty"
            .to_owned()
    })
}

/// A number is registered with one API at a time: what it sends goes to one of them.
fn sends_to_both(flags: &Flags) -> Option<(Route, String)> {
    let sends = |side: Side| {
        flags
            .iter()
            .filter(move |(route, flag)| route.effect() == Effect::Send && flag.uses(side))
            .map(|(route, _)| route)
    };
    let (onprem, cloud) = (sends(Side::OnPrem).next()?, sends(Side::Cloud).next()?);
    (onprem != cloud).then(|| {
        let what = format!(
            "goes to Cloud while {onprem} goes on-prem, but a number is registered with one API at a time; give all routes \
             that send one mode, or switch off those that are not needed"
        );
        (cloud, what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Means = Means {
        onprem: true,
        onprem_login: true,
        cloud: true,
        recorded: false,
        intake: true,
    };

    fn onprem_but(changes: &[(Route, Flag)]) -> Flags {
        let mut flags = Flags::new(|_| Flag::all(Mode::OnPrem));
        for (route, flag) in changes {
            flags[*route] = *flag;
        }
        flags
    }

    fn faulty(changes: &[(Route, Flag)], means: Means) -> Vec<Route> {
        let faults = faults(&onprem_but(changes), means);
        faults.into_iter().map(|(route, _)| route).collect()
    }

    #[test]
    fn what_is_sent_goes_to_one_side() {
        let share = Flag::all(Mode::Cloud).share(25);
        let found = faults(&onprem_but(&[(Route::Messages, share)]), ALL);
        let (route, what) = &found[0];
        assert_eq!(*route, Route::Messages);
        assert!(what.contains("registered with one API at a time"), "{what}");
        let whole = faults(
            &onprem_but(&[(Route::Messages, Flag::all(Mode::Cloud))]),
            ALL,
        );
        assert!(
            whole
                .iter()
                .any(|(_, what)| what.contains("one API at a time"))
        );
        assert!(faulty(&[(Route::Messages, Flag::compare(Side::OnPrem))], ALL).is_empty());
        assert_eq!(
            faulty(&[(Route::Messages, Flag::compare(Side::Cloud))], ALL)[0],
            Route::Messages
        );
    }

    #[test]
    fn the_other_side_is_asked_with_credentials_of_its_own_or_not_at_all() {
        let compared = [(Route::BusinessProfile, Flag::compare(Side::Cloud))];
        let no_login = Means {
            onprem_login: false,
            ..ALL
        };
        assert!(faulty(&compared, ALL).is_empty());
        assert_eq!(faulty(&compared, no_login), [Route::BusinessProfile]);
    }

    #[test]
    fn a_comparison_needs_somebody_to_compare_with() {
        let gone = Means {
            onprem: false,
            onprem_login: false,
            ..ALL
        };
        let mut flags = Flags::new(|_| Flag::all(Mode::Off));
        flags[Route::BusinessProfile] = Flag::compare(Side::Cloud).share(10);
        assert_eq!(faults(&flags, gone).len(), 1);
        let recorded = Means {
            recorded: true,
            ..gone
        };
        assert_eq!(faults(&flags, recorded), []);
        flags[Route::BusinessProfile].answer = Side::OnPrem;
        assert_eq!(faults(&flags, recorded).len(), 1);
    }

    #[test]
    fn logins_are_neither_compared_nor_shared() {
        let compare = Flag::compare(Side::OnPrem);
        let both = [(Route::Login, compare), (Route::Logout, compare)];
        assert_eq!(faulty(&both, ALL), [Route::Login, Route::Logout]);
        let share = Flag::all(Mode::Cloud).share(50);
        let both = [(Route::Login, share), (Route::Logout, share)];
        assert_eq!(faulty(&both, ALL), [Route::Login]);
    }

    #[test]
    fn what_is_sent_is_compared_with_its_translation_baseline_or_not() {
        let recorded = Means {
            recorded: true,
            ..ALL
        };
        for means in [ALL, recorded] {
            let answer = usual_answer(Route::Messages, means.recorded);
            let compared = [(Route::Messages, Flag::compare(answer))];
            assert_eq!(faulty(&compared, means), []);
        }
        assert_eq!(usual_answer(Route::Contacts, true), Side::Cloud);
        assert_eq!(usual_answer(Route::Contacts, false), Side::OnPrem);
        let gone = Means {
            onprem: false,
            ..recorded
        };
        let mut flags = Flags::new(|_| Flag::all(Mode::Off));
        flags[Route::Messages] = Flag::compare(Side::OnPrem);
        assert!(faults(&flags, gone)[0].1.contains("nobody to send"));
    }

    #[test]
    fn the_main_job_is_compared_where_the_old_clients_callbacks_come_in() {
        let compared = [(Route::MediaDownload, Flag::compare(Side::OnPrem))];
        let deaf = Means {
            intake: false,
            ..ALL
        };
        assert_eq!(faulty(&compared, ALL), []);
        assert_eq!(faulty(&compared, deaf), [Route::MediaDownload]);
        let compared = [(Route::MediaDownload, Flag::compare(Side::Cloud))];
        let recorded = Means {
            recorded: true,
            ..deaf
        };
        assert_eq!(faulty(&compared, recorded), []);
    }

    #[test]
    fn metas_answers_need_an_identity_there_and_the_bridges_own_do_not() {
        let no_cloud = Means {
            cloud: false,
            ..ALL
        };
        let cloud = Flag::all(Mode::Cloud);
        for (route, needs) in [
            (Route::BusinessProfile, true),
            (Route::MediaDownload, true),
            (Route::Contacts, false),
            (Route::Health, false),
        ] {
            for flag in [cloud, cloud.share(1), Flag::compare(Side::OnPrem).share(0)] {
                assert_eq!(needs_cloud(route, flag), needs, "{route} {flag}");
                assert_eq!(!faulty(&[(route, flag)], no_cloud).is_empty(), needs);
            }
            assert!(!needs_cloud(route, cloud.share(0)), "{route}");
        }
    }

    #[test]
    fn what_no_number_can_have_is_told_without_one() {
        let cloud = Flag::all(Mode::Cloud);
        for (route, flag, what) in [
            (Route::Groups, cloud, "use \"onprem\" or \"off\""),
            (Route::Messages, cloud, "\"compare\" or \"off\""),
            (Route::Messages, cloud.share(0), "one API at a time"),
            (Route::Login, cloud.share(50), "takes no share"),
            (Route::Stats, Flag::compare(Side::OnPrem), "cannot answer"),
        ] {
            let said = unfit(route, flag).unwrap();
            assert!(said.contains(what), "{route} {flag}: {said}");
        }
        assert_eq!(unfit(Route::Contacts, cloud.share(50)), None);
        assert_eq!(unfit(Route::Groups, Flag::all(Mode::Off)), None);
    }
}
