//! The command line: arguments in, exit code out.

mod arguments;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use tokio_util::sync::CancellationToken;
use waba_bridge::app::App;
use waba_bridge::config::{self, Config};
use waba_bridge::operate::{self, Redrive, Wanted};
use waba_bridge::{check, demo, sandbox, telemetry, users};

use arguments::{Arguments, CheckArguments, Command, ConfigFile, JobsArguments, JobsCommand, Of};

/// A request makes and drops some thirty small allocations; this allocator does that in half the instructions.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A configuration that cannot be used (`EX_CONFIG` of sysexits).
const EXIT_CONFIG: u8 = 78;

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(file) => serve(&file),
        Command::Check(arguments) => check(&arguments),
        Command::Jobs(arguments) => jobs(arguments),
        Command::Routes(running) => {
            let (place, json) = running.place();
            ended(operate::routes(&place, json, &mut std::io::stdout()))
        }
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
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.server.threads)
        .thread_name("background")
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        let app = App::build(config).await?;
        tokio::spawn(signals(stop.clone(), app.certificate()));
        app.run(stop).await
    })
}

/// SIGTERM and SIGINT: the first ends in order, the second at once. SIGHUP rereads the certificate.
async fn signals(
    stop: CancellationToken,
    certificate: Option<std::sync::Arc<waba_bridge::http::tls::Certificate>>,
) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {
                match &certificate {
                    Some(certificate) => certificate.reload(),
                    None => tracing::info!("SIGHUP: there is no certificate to reread; the configuration is read at start only"),
                }
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
