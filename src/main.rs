//! The command line: arguments in, exit code out.

mod arguments;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use tokio_util::sync::CancellationToken;
use waba_bridge::app::{App, Rereadable};
use waba_bridge::config::{self, Config};
use waba_bridge::operate::{self, Redrive, Wanted};
use waba_bridge::{check, demo, sandbox, telemetry, users};

use arguments::{
    Arguments, CheckArguments, Command, Compare, CompareArguments, ConfigFile, Cutover,
    CutoverArguments, JobsArguments, JobsCommand, NotificationsArguments, NotificationsCommand, Of,
    WhyArguments,
};

/// A request makes and drops some thirty small allocations; this allocator does that in half the instructions.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A configuration that cannot be used (`EX_CONFIG` of sysexits).
const EXIT_CONFIG: u8 = 78;
/// A compared route is not ready, or notifications do not come to this bridge.
const EXIT_NOT_READY: u8 = 3;
/// There are too few comparisons to say.
const EXIT_NOT_ENOUGH_DATA: u8 = 4;

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(file) => serve(&file),
        Command::Check(arguments) => check(&arguments),
        Command::Jobs(arguments) => jobs(arguments),
        Command::Routes(running) => {
            let (place, json) = running.place();
            ended(operate::routes(&place, json, &mut std::io::stdout()))
        }
        Command::Cutover(arguments) => cutover(arguments),
        Command::Why(arguments) => why(arguments),
        Command::Compare(arguments) => compare(arguments),
        Command::Notifications(arguments) => notifications(arguments),
        Command::HashPassword => hash_password(),
        Command::Demo(options) => block_on(demo::run(&options)),
        Command::Sandbox(options) => block_on(sandbox::run(&options)),
    }
}

fn check(arguments: &CheckArguments) -> ExitCode {
    let options = check::Options {
        online: arguments.online,
        json: arguments.json,
    };
    match check::run(&arguments.file.config, options, &mut std::io::stdout()) {
        Ok(check::Outcome::Well) => ExitCode::SUCCESS,
        Ok(check::Outcome::Failed) => ExitCode::FAILURE,
        Ok(check::Outcome::BadConfiguration) => ExitCode::from(EXIT_CONFIG),
        Err(error) => {
            eprintln!("the report cannot be written: {error}");
            ExitCode::FAILURE
        }
    }
}

fn jobs(arguments: JobsArguments) -> ExitCode {
    arguments.refuse_what_would_not_count();
    let (place, json) = arguments.running.place();
    let out = &mut std::io::stdout();
    let Of { queue, number } = arguments.of;
    ended(match arguments.then {
        None => {
            let wanted = Wanted {
                queue,
                number,
                buried: arguments.buried,
                limit: arguments.limit.unwrap_or(50).into(),
            };
            operate::jobs(&place, &wanted, json, out)
        }
        Some(JobsCommand::Redrive { id, of, .. }) => {
            let which = match id {
                Some(id) => Redrive::One(id),
                None => Redrive::All(Wanted::all_buried(of.queue, of.number)),
            };
            operate::redrive(&place, &which, json, out)
        }
    })
}

fn cutover(arguments: CutoverArguments) -> ExitCode {
    use operate::cutover;
    let (place, json) = arguments.running.place();
    let out = &mut std::io::stdout();
    ended(match arguments.command.read() {
        Cutover::Show { number, all } => cutover::show(&place, number.as_deref(), all, json, out),
        Cutover::Change(order, change) => cutover::change(&place, &order, &change, json, out),
        Cutover::History(past) => cutover::history(&place, &past, json, out),
        Cutover::Kill(order) => cutover::kill(&place, &order, json, out),
        Cutover::Revive(order) => cutover::revive(&place, &order, json, out),
    })
}

fn why(arguments: WhyArguments) -> ExitCode {
    let (running, question) = arguments.read();
    let (place, json) = running.place();
    let out = &mut std::io::stdout();
    ended(operate::cutover::why(&place, &question, json, out))
}

fn compare(arguments: CompareArguments) -> ExitCode {
    use operate::compare::{self, Readiness};
    let (place, json) = arguments.running.place();
    let out = &mut std::io::stdout();
    match arguments.command.read() {
        Compare::Record(of, record) => ended(compare::record(&place, &of, &record, json, out)),
        Compare::Report(wanted) => match compare::report(&place, &wanted, json, out) {
            Ok(Readiness::Ready) => ExitCode::SUCCESS,
            Ok(Readiness::NotReady) => ExitCode::from(EXIT_NOT_READY),
            Ok(Readiness::NotEnoughData) => ExitCode::from(EXIT_NOT_ENOUGH_DATA),
            Err(failure) => ended(Err(failure)),
        },
    }
}

fn notifications(arguments: NotificationsArguments) -> ExitCode {
    use NotificationsCommand as Of;
    use operate::notifications;
    use operate::webhook::{self, Whither};
    let out = &mut std::io::stdout();
    match arguments.command {
        Of::Kept { running, limit } => {
            let (place, json) = running.place();
            ended(notifications::kept(&place, limit, json, out))
        }
        Of::Show(one) => {
            let (place, json) = one.running.place();
            ended(notifications::show(&place, one.id, json, out))
        }
        Of::Redrive(one) => {
            let (place, json) = one.running.place();
            ended(notifications::redrive(&place, one.id, json, out))
        }
        Of::Drop(one) => {
            let (place, json) = one.running.place();
            ended(notifications::forget(&place, one.id, json, out))
        }
        Of::Subscribe(of) => {
            let (target, json) = of.read();
            ended(webhook::subscribe(&target, json, out))
        }
        Of::Unsubscribe(of) => {
            let (target, json) = of.read();
            ended(webhook::unsubscribe(&target, json, out))
        }
        Of::Status(of) => {
            let (target, json) = of.read();
            match webhook::status(&target, json, out) {
                Ok(Whither::Here) => ExitCode::SUCCESS,
                Ok(Whither::NotHere) => ExitCode::from(EXIT_NOT_READY),
                Err(failure) => ended(Err(failure)),
            }
        }
    }
}

/// One line from standard input, so that the password is in no process list and no shell history.
fn hash_password() -> ExitCode {
    let mut line = String::new();
    if let Err(error) = std::io::stdin().read_line(&mut line) {
        eprintln!("the password cannot be read: {error}");
        return ExitCode::FAILURE;
    }
    let password = line.trim_end_matches(['\r', '\n']);
    match users::hash_password(password) {
        Some(hash) => {
            let written = writeln!(std::io::stdout(), "{hash}");
            written.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
        }
        None => {
            eprintln!("{}", users::PASSWORD_RULE);
            ExitCode::FAILURE
        }
    }
}

fn ended(result: Result<(), operate::Failure>) -> ExitCode {
    let Err(failure) = result else {
        return ExitCode::SUCCESS;
    };
    eprintln!("{failure}");
    match failure {
        operate::Failure::Configuration(_) => ExitCode::from(EXIT_CONFIG),
        operate::Failure::Other(_) => ExitCode::FAILURE,
    }
}

fn block_on(command: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(file: &ConfigFile) -> ExitCode {
    let config = match config::load(Some(&file.config)) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    telemetry::start(&config.log);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    raise_file_limit();
    match run(config, file.config.clone()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config, file: std::path::PathBuf) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.server.threads)
        .thread_name("background")
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        let app = App::build(config, Some(file)).await?;
        tokio::spawn(signals(stop.clone(), app.rereadable()));
        app.run(stop).await
    })
}

/// SIGTERM and SIGINT: the first ends in order, the second at once. SIGHUP rereads the configuration and certificates.
async fn signals(stop: CancellationToken, rereadable: Rereadable) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {
                rereadable.reread().await;
                continue;
            }
        }
        if stop.is_cancelled() {
            tracing::warn!("second signal: ending now");
            std::process::exit(130);
        }
        stop.cancel();
    }
}

/// Each connection takes a file descriptor or two; the soft limit is often 1024.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}
