//! Namespaces, bindings, and the algorithms that count.
//!
//! Lists, not exclusions: what does not stand here is refused by its name. SHA-1 is out for signatures and digests (RFC 9155 says
//! why for TLS), HMAC because a public key must never be taken for a shared secret, CBC and PKCS #1 v1.5 because whoever answers
//! differently to what cannot be decrypted decrypts for others ("How To Break XML Encryption", Bleichenbacher).

/// Namespace of SAML's protocol messages.
pub const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// Namespace of assertions.
pub const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// Namespace of metadata.
pub const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
/// The binding by a form (SAML bindings, section 3.5).
pub const HTTP_POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
/// The binding by an address (SAML bindings, section 3.4).
pub const HTTP_REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";

/// Namespace of XML Signature.
pub const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";
/// Namespace of XML Encryption.
pub(super) const ENCRYPTION: &str = "http://www.w3.org/2001/04/xmlenc#";
/// Namespace of XML Encryption 1.1.
pub(super) const ENCRYPTION_11: &str = "http://www.w3.org/2009/xmlenc11#";

/// Exclusive canonicalisation without comments: algorithm, and namespace of its parameter.
pub(super) const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// The transform that leaves out the signature itself.
pub(super) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// Signatures that count.
pub(super) const SIGNATURES: [&str; 5] = [
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
];

/// The one that we sign by: every service provider knows it.
pub const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";

/// SHA-256, as digests and OAEP name it.
pub(super) const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
/// SHA-384.
pub(super) const SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#sha384";
/// SHA-512.
pub(super) const SHA512: &str = "http://www.w3.org/2001/04/xmlenc#sha512";
/// SHA-1: inside OAEP alone, where no collision helps anybody.
pub(super) const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";

/// RSA-OAEP with SHA-1 in MGF1: what most identity providers still send.
pub(super) const OAEP: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
/// RSA-OAEP with a mask generation function of choice.
pub(super) const OAEP_11: &str = "http://www.w3.org/2009/xmlenc11#rsa-oaep";
/// By what others are asked to encrypt for us, of all that is opened here: what most can do.
pub const DECRYPTED: [&str; 4] =
    ["http://www.w3.org/2009/xmlenc11#aes128-gcm", "http://www.w3.org/2009/xmlenc11#aes256-gcm", OAEP, OAEP_11];
/// AES-GCM with keys of 128, 192 and 256 bits.
pub(super) const AES_GCM: [&str; 3] = [
    "http://www.w3.org/2009/xmlenc11#aes128-gcm",
    "http://www.w3.org/2009/xmlenc11#aes192-gcm",
    "http://www.w3.org/2009/xmlenc11#aes256-gcm",
];
