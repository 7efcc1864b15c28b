//! Certificates for tests, signed by an authority that only those trust who are given it.

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
        self.sign(&CertificateParams::new([host.to_owned()]).unwrap())
    }

    /// A certificate that expired when that year began.
    pub fn certify_until(&self, host: &str, year: i32) -> Certificate {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let chain = params.signed_by(&key, &self.0).unwrap();
        Certificate { chain: chain.pem(), key: key.serialize_pem() }
    }
}
