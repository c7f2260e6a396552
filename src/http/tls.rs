//! The public listener's certificate, reread when its files change.
//!
//! A certificate that cannot be used never replaces one that can: the last good one stays, and the log says so.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsFiles;

/// The certificate in force.
pub struct Certificate {
    files: TlsFiles,
    current: ArcSwap<ServerConfig>,
    /// The files' times just before they were last read.
    read_at: Mutex<Modified>,
}

/// When the certificate and the key were last changed, as far as that can be told.
type Modified = [Option<SystemTime>; 2];

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
}

impl Certificate {
    /// Reads the files.
    pub fn load(files: TlsFiles) -> Result<Self, CertificateError> {
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
                tracing::info!(certificate = %self.files.certificate.display(), "certificate reread");
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

fn modified(files: &TlsFiles) -> Modified {
    [&files.certificate, &files.key].map(|path| {
        std::fs::metadata(path)
            .and_then(|metadata| metadata.modified())
            .ok()
    })
}

fn read(files: &TlsFiles) -> Result<Arc<ServerConfig>, CertificateError> {
    let pem = |path: &Path| {
        let path = path.display().to_string();
        move |source| CertificateError::Pem { path, source }
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(pem(&files.certificate))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(pem(&files.key))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
