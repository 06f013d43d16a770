//! `-object tls-creds-x509`: certificates for monitors over TLS.

use std::fs::File;
use std::path::PathBuf;

use qmp_runtime::json::Value;
use qmp_runtime::server::Endpoint;

use super::UsageError;
use super::params::Params;
use crate::qmp::os_text;
use crate::qom::{Given, Spec};

/// Where certificates are, and whose.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "tls"),
    expect(dead_code, reason = "some is read with the feature alone")
)]
pub(super) struct Credentials {
    dir: PathBuf,
    is_server: bool,
    verify_peer: bool,
}

/// Reads what `-object` asks for; the label and the credentials.
pub(super) fn parse(object: Spec) -> Result<(String, Credentials), UsageError> {
    let missing = || UsageError::new("Parameter 'id' is missing");
    let id = object.id.ok_or_else(missing)?;
    let said = object.properties.into_iter();
    let mut params = Params::of(said.map(|(key, value)| (key, text(value))).collect());
    let dir = params.take("dir").map(PathBuf::from);
    let is_server = match params.take("endpoint").as_deref() {
        None | Some("client") => false,
        Some("server") => true,
        Some(other) => {
            let text = format!("Parameter 'endpoint' does not accept value '{other}'");
            return Err(UsageError::new(text));
        }
    };
    let verify_peer = params.take_switch("verify-peer", true)?;
    // Certificates are always looked at.
    params.take_switch("sanity-check", true)?;
    for key in ["passwordid", "priority"] {
        if params.take(key).is_some() {
            let text =
                format!("{key}: keys have no password, and ciphers are chosen; leave it out");
            return Err(UsageError::new(text));
        }
    }
    params.finish()?;
    let dir = dir.ok_or_else(|| UsageError::new("Missing 'dir' property value"))?;
    let credentials = Credentials {
        dir,
        is_server,
        verify_peer,
    };
    Ok((id, credentials))
}

fn text(value: Given) -> String {
    match value {
        Given::Text(text, _)
        | Given::Global { value: text, .. }
        | Given::Json(Value::String(text)) => text,
        Given::Json(Value::Bool(true)) => "on".to_owned(),
        Given::Json(Value::Bool(false)) => "off".to_owned(),
        Given::Json(value) => value.to_string(),
    }
}

impl Credentials {
    /// Whether the files are there, used or not.
    pub(super) fn check(&self) -> Result<(), UsageError> {
        let server: &[&str] = &["ca-cert.pem", "server-cert.pem", "server-key.pem"];
        let names = if self.is_server { server } else { &server[..1] };
        for name in names {
            let path = self.dir.join(name);
            File::open(&path).map_err(|error| {
                UsageError::new(format!(
                    "Unable to access credentials {}: {}",
                    path.display(),
                    os_text(&error)
                ))
            })?;
        }
        #[cfg(feature = "tls")]
        if self.is_server {
            self.config()?;
        }
        Ok(())
    }

    /// Adds TLS to an endpoint, which is a server's.
    pub(super) fn protect(&self, endpoint: Endpoint) -> Result<Endpoint, UsageError> {
        match self.is_server {
            true => self.encrypt(endpoint),
            false => Err(UsageError::new(
                "Expected TLS credentials for a server endpoint",
            )),
        }
    }

    #[cfg(not(feature = "tls"))]
    fn encrypt(&self, _: Endpoint) -> Result<Endpoint, UsageError> {
        Err(UsageError::new(
            "tls-creds: this vmm was built without TLS; build it with --features tls",
        ))
    }

    #[cfg(feature = "tls")]
    fn encrypt(&self, endpoint: Endpoint) -> Result<Endpoint, UsageError> {
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
