//! Believing others, and signing people in to applications.
//!
//! # Believing others
//!
//! **We are made to ask our own network** (twenty#25638, open-mercato#4037, better-auth#10830, artifact-keeper#1832): an
//! issuer's address, or what its document points to, is `169.254.169.254`, or becomes it between the check and the
//! connection. *Here:* one client fetches for others; it asks DNS once, refuses every address that is not public and not
//! named in `networks`, however it is written, dials the very address it checked, follows no redirection and asks the
//! environment for no proxy (`src/fetch/mod.rs`, `src/fetch/address.rs`). *Tests:* inside it, and `tests/it/fetch.rs`: a
//! resolver that changes its mind, redirections, endless and dripping answers.
//!
//! **A public key becomes a shared secret, or no signature is one** (CVE-2016-10555, PyJWT CVE-2026-48526, fast-jwt
//! CVE-2023-48223, python-jose CVE-2024-33663). *Here:* no symmetric algorithm has a name, `none` neither; the algorithm
//! must be the key's (`src/authn/federated/jws.rs`, `src/authn/federated/jwk.rs`). *Tests:* `tests/it/web_identity.rs`,
//! tokens that PyJWT's keys forged in 85 ways, and the property that no changed token counts.
//!
//! **A token brings its key along** (node-jose CVE-2018-0114), or is of another sort: an access token taken for somebody's
//! identity. *Here:* keys are looked up by name in what the issuer publishes, and nowhere else; `typ` must be `JWT`, `crit`
//! is refused, a member that stands twice too (`src/authn/federated/json.rs`). *Tests:* `tests/it/web_identity.rs`.
//!
//! **Garbage makes us ask the issuer without end.** *Here:* nobody is asked about a token that could not count; an issuer is
//! asked once a minute at most, by one for all who wait, and hanging up neither stops nor repeats it
//! (`src/authn/federated/keeping.rs`). *Tests:* `tests/it/web_identity.rs`, 64 at once.
//!
//! **Everybody on GitHub may assume the role.** Trust in an issuer that signs for the whole world, with a condition on `aud`
//! alone, which every stranger can meet. *Here:* such a policy is refused when it is written, and one that is there counts
//! for nothing (`src/policy/strangers.rs`, `src/admin/iam/trust.rs`). *Tests:* inside it, and `tests/it/web_identity.rs`.
//!
//! **A name in a certificate is whatever a computer calls itself.** Whoever may write a computer's `dNSHostName` got a certificate
//! of a domain controller (CVE-2022-26923); Microsoft's answer is the SID in the certificate (KB5014754). *Here:* a computer
//! of a directory is known by that SID alone, never by a name, and by the SID of nobody but a computer; a certificate with
//! a SID counts for no declared machine (`src/authn/machine/leaf.rs`, `src/authn/machine/identify.rs`). *Tests:*
//! `tests/it/machine_certificates.rs`, `tests/it/machine_samba.rs`.
//!
//! **Any authority of the listener vouches for any machine.** Trust stores grow: that of proxies, of people, of machines.
//! *Here:* each authority is believed about the machines of its section alone, by a verification of its own
//! (`src/authn/machine/issuers.rs`), which wants clientAuth to be named. *Tests:* `tests/it/machine_certificates.rs`.
//!
//! **A certificate in a header.** Proxies pass on what they saw as `X-SSL-Client-Cert` and the like, and whoever reaches the
//! server past the proxy writes the same header. *Here:* none is read; what counts is the TLS handshake with us, and that of a
//! trusted proxy is nobody's (`src/http/origin.rs`). *Tests:* `tests/it/machine_certificates.rs`, `tests/it/machine_samba.rs`.
//!
//! **The list of revoked certificates is not there, or old, and all pass.** *Here:* where there is to be one, an authority on the
//! way without one, or with one that is out of date, lets nobody in; without a list certificates live for a day
//! (`src/authn/machine/issuers.rs`, `src/config/machine_issuer.rs`). *Tests:* `tests/it/machine_certificates.rs`.
//!
//! **A name in a ticket is whoever has it at the time.** A computer is deleted or renamed, another one joins under its name, and
//! the first one's ticket is good for hours more; or `WEB1` is taken for `WEB1$` (CVE-2021-42287). *Here:* a name of one part that
//! ends with `$`, of the realm of one directory, which means one machine of the store, which its domain, asked each time, says
//! has that name under the same objectGUID and is not disabled; a name that was another's within 24 hours, deleted machines
//! included, is nobody's until these are over, and while no domain controller answers every name is nobody's
//! (`src/authn/kerberos/principal.rs`, `src/authn/machine/ticket.rs`). *Tests:* inside both, and
//! `tests/it/machine_kerberos.rs`. What remains: another that no sync ever saw is not known of, `directory.only_under` hides
//! some; tickets that live for more than 24 hours; and domain controllers that give out a ticket in this name to
//! whoever writes it into their own `userPrincipalName`. Samba 4.17 refuses to write that.
//!
//! **A ticket is passed on.** Whoever gets a computer to connect to them shows its ticket here. *Here:* tickets are taken by keys of
//! `HTTP/` alone, over HTTPS alone, NTLM never, each once: by MIT Kerberos' replay cache in the state directory, which is on the
//! disk before the answer, and by a memory of our own (`src/authn/kerberos/accept.rs`, `src/authn/kerberos/once.rs`). They are not
//! bound to the TLS connection (RFC 5929), for curl 7.88 cannot say which one it is on; so it is the name of our host in the
//! ticket that stops this, and Kerberos proves that by its key alone: an account that has other services' names, too, gives each
//! of these hosts tickets that are good here. Give `HTTP/` and our host an account of its own. *Tests:*
//! `tests/it/machine_kerberos.rs`, one token shown 64 times at once, and again behind a restart.
//!
//! **Clocks differ, and nobody gets in.** Kerberos takes a token for 5 minutes before and after the time in it. *Here:* it is said
//! that this is why, and what to do; a skew set higher in `krb5.conf` makes captured tokens good for longer. *Tests:* inside
//! `src/authn/kerberos/mod.rs`.
//!
//! # Signing people in to applications
//!
//! **Somebody is sent back to another place** (Keycloak CVE-2026-7504 and #48430, zitadel#12559, OpenAM CVE-2017-14394). *Here:*
//! addresses are compared byte by byte, and there are no wildcards (`src/model/client/redirect.rs`). *Tests:*
//! `src/model/client/tests.rs`, every address that differs by a byte.
//!
//! **A code or a refresh token counts twice** (Dex CVE-2022-39222; Keycloak CVE-2026-1035, #50999, CVE-2026-9802). *Here:* that it
//! was used is on disk before the answer, by compare-and-swap and by number; one that comes again ends all that came of it
//! (`src/sso/code.rs`, `src/sso/refresh.rs`). *Tests:* 64 at the same moment, and restarts, in `tests/it/sso_codes.rs`; a full
//! disk, a clock that is set back and kill -9 between the request and its answer in `tests/it/sso_faults.rs`.
//!
//! **A client that is gone leaves its tokens behind.** *Here:* they end with it, whether it is deleted, takes itself back or is
//! declared no longer, and it is told (`src/admin/clients/gone.rs`); tokens by which clients register end with a restore.
//! *Tests:* `tests/it/sso_logout.rs`, `tests/it/sso_faults.rs`.
//!
//! **A client is taken for another.** *Here:* it shows who it is in one way, never in an address; an assertion is for us alone and
//! spent before it counts (`src/sso/authenticate.rs`, `src/sso/assertion.rs`). *Tests:* `tests/it/sso_tokens.rs`.
//!
//! **Somebody types a stranger's code.** Since 2020 whoever wants into other people's mail has had them type a code of their own
//! at the real page of a device sign-in (RFC 8628 5.4), and a link with the code in it spares them the typing. *Here:* no
//! address carries a code; what asks, from where and for what is shown before anybody agrees, with what a thief would say;
//! wrong codes are counted by person and by network; whether the person may is decided again where the device is
//! (`src/sso/device.rs`, `src/sso/device_answer.rs`). *Tests:* `tests/it/sso_devices.rs`.
//!
//! **A token of one client is exchanged by another.** What somebody let one application have becomes what another does in
//! their name. *Here:* a client exchanges its own tokens alone; one that keeps no secret needs a token that is for our STS;
//! the role is decided as of every way to one, and its session dies with the tokens (`src/sso/exchange.rs`,
//! `src/sts/exchange.rs`, `src/sessions/check.rs`). *Tests:* `tests/it/sso_exchange.rs`.
//!
//! **A link signs people out, or on to elsewhere.** *Here:* whoever is signed in is asked; onward goes an address that is
//! registered, letter by letter (`src/sso/logout.rs`). Where clients are told of a sign-out is an address that somebody
//! registered, and is reached by the rules of every address of outsiders (`src/sso/backchannel.rs`, `src/fetch/mod.rs`).
//! *Tests:* `tests/it/sso_logout.rs`.
//!
//! **A program on somebody's machine takes their sign-in over.** Every program reaches loopback. *Here:* what is brought
//! there has to have the state of this sign-in and our name, and is worth nothing without the verifier
//! (`src/cli/login/browser.rs`). *Tests:* `tests/it/broker_sso.rs`.
//! **A right that was taken away lives on in an application.** *Here:* whether somebody may sign in to it is asked again with each
//! token (`src/sso/person.rs`, `src/gate/again.rs`), by what is true now and, of the person's address and browser, by what was
//! true when they asked: the request is the client's. *Tests:* `tests/it/sso_again.rs`.
//!
//! **A request is read from where somebody else wants** (`request_uri`), **or changed by the browser that carries it.** *Here:* the
//! only names that are taken are those that we made, for the client that pushed the request, and each for one code
//! (`src/sso/par.rs`). *Tests:* 64 browsers at the same moment, and a restart, in `tests/it/sso_par.rs`.
//!
//! **A token is copied.** *Here:* a client can bind its tokens to a key, and every proof of that is for one request, carries a nonce
//! of ours and is spent before it counts (`src/sso/dpop.rs`). A client that does not is held by lifetimes alone. *Tests:* each
//! field of a proof, 64 at the same moment, and a restart, in `tests/it/sso_dpop.rs`.
//!
//! **Whoever can register a client signs in whom they like.** *Here:* that is off; where it is on it takes a token of an
//! administrator's, good so often and so long, and such a client signs in the people of the configured groups and does nothing
//! else (`src/sso/register.rs`). It cannot change itself afterwards: it would take back what an administrator narrowed. *Tests:*
//! `tests/it/sso_register.rs`.
