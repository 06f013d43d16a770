//! `-object tls-creds-x509`: certificates for monitors over TLS.

use std::path::PathBuf;

use qmp_runtime::server::Endpoint;

use super::UsageError;
use super::params::Params;

/// Where a server's certificates are.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "tls"),
    expect(dead_code, reason = "they are read with the feature alone")
)]
pub(super) struct Credentials {
    dir: PathBuf,
    verify_peer: bool,
}

/// Reads the argument of `-object`; the label and the credentials.
pub(super) fn parse(value: &str) -> Result<(String, Credentials), UsageError> {
    let mut params = Params::parse(value, Some("qom-type"));
    match params.first().unwrap_or_default() {
        "tls-creds-x509" => {}
        other => {
            return Err(UsageError::new(format!(
                "'{other}': there is tls-creds-x509 alone"
            )));
        }
    }
    let mut required = |key: &str| {
        let value = params.take(key);
        value.ok_or_else(|| UsageError::new(format!("needs {key}=…")))
    };
    let (id, dir, endpoint) = (required("id")?, required("dir")?, required("endpoint")?);
    if endpoint != "server" {
        return Err(UsageError::new(format!(
            "'endpoint={endpoint}': a monitor is the server's end: say endpoint=server"
        )));
    }
    let verify_peer = params.take_switch("verify-peer", true)?;
    params.finish()?;
    let dir = PathBuf::from(dir);
    Ok((id, Credentials { dir, verify_peer }))
}

impl Credentials {
    /// Adds TLS to an endpoint.
    #[cfg(not(feature = "tls"))]
    pub(super) fn protect(&self, _: Endpoint) -> Result<Endpoint, UsageError> {
        Err(UsageError::new(
            "tls-creds: this vmm was built without TLS; build it with --features tls",
        ))
    }

    /// Adds TLS to an endpoint.
    #[cfg(feature = "tls")]
    pub(super) fn protect(&self, endpoint: Endpoint) -> Result<Endpoint, UsageError> {
        Ok(endpoint.tls(std::sync::Arc::new(self.config()?)))
    }

    /// The files have the names that QEMU gives them.
    #[cfg(feature = "tls")]
    fn config(&self) -> Result<rustls::ServerConfig, UsageError> {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};

        let read_all = |name: &str| -> Result<Vec<CertificateDer<'static>>, UsageError> {
            let path = self.dir.join(name);
            let certificates = CertificateDer::pem_file_iter(&path).and_then(Iterator::collect);
            certificates.map_err(|error| fault(&path, &error))
        };
        let chain = read_all("server-cert.pem")?;
        let key_path = self.dir.join("server-key.pem");
        let key = PrivateKeyDer::from_pem_file(&key_path);
        let key = key.map_err(|error| fault(&key_path, &error))?;
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let wrong = |error: &dyn std::fmt::Display| fault(&self.dir, error);
        let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(&error))?;
        let builder = if self.verify_peer {
            let mut roots = rustls::RootCertStore::empty();
            for certificate in read_all("ca-cert.pem")? {
                roots.add(certificate).map_err(|error| wrong(&error))?;
            }
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
                std::sync::Arc::new(roots),
                provider,
            );
            builder.with_client_cert_verifier(verifier.build().map_err(|error| wrong(&error))?)
        } else {
            builder.with_no_client_auth()
        };
        builder
            .with_single_cert(chain, key)
            .map_err(|error| wrong(&error))
    }
}

#[cfg(feature = "tls")]
fn fault(path: &std::path::Path, error: &dyn std::fmt::Display) -> UsageError {
    UsageError::new(format!("tls-creds: {}: {error}", path.display()))
}
