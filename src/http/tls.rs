//! A listener's certificate, and whose certificates it asks its clients for; reread when their files change.
//!
//! What cannot be used never replaces what can: the last good one stays, and the log says so.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsFiles;

/// The certificate in force.
pub struct Certificate {
    files: Files,
    current: ArcSwap<ServerConfig>,
    /// The files' times just before they were last read.
    read_at: Mutex<Modified>,
}

struct Files {
    own: TlsFiles,
    /// The authorities of clients that show a certificate; `None`: none is asked for.
    client_ca: Option<PathBuf>,
}

/// When certificate, key and authorities were last changed, as far as that can be told.
type Modified = [Option<SystemTime>; 3];

/// Why certificate files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file is not readable PEM.
    #[error("{path} cannot be read as PEM")]
    Pem {
        /// Which file.
        path: String,
        /// What was wrong.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// Key and certificate do not go together, or are of an unknown kind.
    #[error("certificate and key cannot be used")]
    Unusable(#[from] rustls::Error),
    /// There is no authority in the file, or none that is understood.
    #[error("the clients' authorities cannot be used")]
    Authorities(#[from] VerifierBuilderError),
}

impl Certificate {
    /// Reads the files.
    ///
    /// With `client_ca`, clients are asked for a certificate of these authorities, and let in without one all the same.
    pub fn load(own: TlsFiles, client_ca: Option<PathBuf>) -> Result<Self, CertificateError> {
        let files = Files { own, client_ca };
        let read_at = Mutex::new(modified(&files));
        let current = ArcSwap::from(read(&files)?);
        Ok(Self {
            files,
            current,
            read_at,
        })
    }

    /// An acceptor with the certificate of this moment.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }

    /// Rereads the files now.
    pub fn reload(&self) {
        *self.read_at() = modified(&self.files);
        match read(&self.files) {
            Ok(config) => {
                self.current.store(config);
                tracing::info!(certificate = %self.files.own.certificate.display(), "certificate reread");
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "certificate not taken over, the last good one stays"
                );
            }
        }
    }

    /// Rereads the files whenever one of them changes; never returns.
    ///
    /// Modification times are polled because mounted secrets change by a swapped symbolic link, which file watchers miss.
    pub async fn follow(&self, interval: Duration) {
        loop {
            tokio::time::sleep(interval).await;
            if modified(&self.files) != *self.read_at() {
                self.reload();
            }
        }
    }

    fn read_at(&self) -> MutexGuard<'_, Modified> {
        self.read_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn modified(files: &Files) -> Modified {
    let of = |path: &PathBuf| {
        std::fs::metadata(path)
            .and_then(|metadata| metadata.modified())
            .ok()
    };
    [
        of(&files.own.certificate),
        of(&files.own.key),
        files.client_ca.as_ref().and_then(of),
    ]
}

fn read(files: &Files) -> Result<Arc<ServerConfig>, CertificateError> {
    let Files { own, client_ca } = files;
    let chain = certificates(&own.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&own.key).map_err(pem(&own.key))?;
    let builder = ServerConfig::builder();
    let mut config = match client_ca {
        Some(authorities) => {
            let verifier = verifier(authorities)?;
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    }
    .with_single_cert(chain, key)?;
    if client_ca.is_some() {
        // A session that is taken up again would bring along a certificate that nobody looks at any more.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Refuses certificates of other authorities, and no client for having none: the old client has none.
fn verifier(authorities: &Path) -> Result<Arc<dyn ClientCertVerifier>, CertificateError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(authorities)? {
        roots.add(authority)?;
    }
    let builder = WebPkiClientVerifier::builder(Arc::new(roots));
    Ok(builder.allow_unauthenticated().build()?)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(pem(path))
}

fn pem(path: &Path) -> impl FnOnce(rustls::pki_types::pem::Error) -> CertificateError {
    let path = path.display().to_string();
    move |source| CertificateError::Pem { path, source }
}
