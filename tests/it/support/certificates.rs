//! Certificates of the tests' own, signed by an authority that only who is told of it trusts.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// PEM, both.
pub struct Certificate {
    pub chain: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// For `SSL_CERT_FILE`.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn certify(&self, host: &str) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let chain = CertificateParams::new([host.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        Certificate { chain: chain.pem(), key: key.serialize_pem() }
    }
}
