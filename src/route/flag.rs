//! A flag: what an operator says about one route of one number.

use std::fmt;
use std::ops::{Index, IndexMut};

use super::Route;

/// One of the two that can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The old client.
    OnPrem,
    /// Meta's Cloud API, or what the bridge stored of it.
    Cloud,
}

impl Side {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnPrem => "onprem",
            Self::Cloud => "cloud",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::OnPrem, Self::Cloud]
            .into_iter()
            .find(|side| side.as_str() == word)
    }

    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::OnPrem => Self::Cloud,
            Self::Cloud => Self::OnPrem,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a route's flag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Streamed through to the old client.
    OnPrem,
    /// Translated, and answered in the old shape.
    Cloud,
    /// Both sides are asked; one answers.
    Compare,
    /// 404 with the 1006 body.
    Off,
}

impl Mode {
    /// The flag's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnPrem => "onprem",
            Self::Cloud => "cloud",
            Self::Compare => "compare",
            Self::Off => "off",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::OnPrem, Self::Cloud, Self::Compare, Self::Off]
            .into_iter()
            .find(|mode| mode.as_str() == word)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A mode with what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flag {
    /// The mode.
    pub mode: Mode,
    /// Whose answer the integration gets; counts in [`Mode::Compare`] only.
    pub answer: Side,
    /// The share of keys that the mode holds for, 0 to 100; the rest goes on-prem. Counts in [`Mode::Cloud`] and
    /// [`Mode::Compare`].
    pub percent: u8,
}

impl Flag {
    /// A mode that holds for everything; compared, the old client answers.
    pub const fn all(mode: Mode) -> Self {
        Self {
            mode,
            answer: Side::OnPrem,
            percent: 100,
        }
    }

    /// The same with a share.
    pub const fn share(self, percent: u8) -> Self {
        Self { percent, ..self }
    }

    /// Two sides compared, one of which answers.
    pub const fn compare(answer: Side) -> Self {
        Self {
            mode: Mode::Compare,
            answer,
            percent: 100,
        }
    }

    /// Whether some calls are answered by this side.
    pub fn uses(self, side: Side) -> bool {
        match (self.mode, side) {
            (Mode::Off, _) => false,
            (Mode::OnPrem, side) => side == Side::OnPrem,
            (Mode::Cloud, Side::Cloud) => self.percent > 0,
            (Mode::Cloud, Side::OnPrem) => self.percent < 100,
            (Mode::Compare, side) => {
                (self.percent > 0 && self.answer == side)
                    || (self.percent < 100 && side == Side::OnPrem)
            }
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.mode)?;
        if matches!(self.mode, Mode::Cloud | Mode::Compare) && self.percent != 100 {
            write!(f, " {}%", self.percent)?;
        }
        if self.mode == Mode::Compare {
            write!(f, ", {} answers", self.answer)?;
        }
        Ok(())
    }
}

/// The flag of every route of one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flags([Flag; Route::ALL.len()]);

impl Flags {
    /// Asks for each route once.
    pub fn new(flag: impl FnMut(Route) -> Flag) -> Self {
        Self(Route::ALL.map(flag))
    }

    /// Every route with its flag.
    pub fn iter(&self) -> impl Iterator<Item = (Route, Flag)> + '_ {
        Route::ALL.into_iter().map(|route| (route, self[route]))
    }
}

impl Index<Route> for Flags {
    type Output = Flag;

    fn index(&self, route: Route) -> &Flag {
        &self.0[route as usize]
    }
}

impl IndexMut<Route> for Flags {
    fn index_mut(&mut self, route: Route) -> &mut Flag {
        &mut self.0[route as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_shown_as_an_operator_would_say_it() {
        for (flag, shown) in [
            (Flag::all(Mode::OnPrem), "onprem"),
            (Flag::all(Mode::Cloud).share(25), "cloud 25%"),
            (
                Flag::compare(Side::Cloud).share(5),
                "compare 5%, cloud answers",
            ),
        ] {
            assert_eq!(flag.to_string(), shown);
        }
    }

    #[test]
    fn a_share_uses_both_sides() {
        let flag = Flag::all(Mode::Cloud).share(25);
        assert!(flag.uses(Side::OnPrem) && flag.uses(Side::Cloud));
        assert!(!Flag::all(Mode::Cloud).uses(Side::OnPrem));
        assert!(!Flag::compare(Side::OnPrem).uses(Side::Cloud));
        assert!(Flag::compare(Side::Cloud).uses(Side::Cloud));
    }
}
