//! The test bed keeps its own promises: other tests stand on them.

use std::process::Output;

use bailey::base::Guid;
use bailey::directory::LdapSource;

use crate::bed::samba::{LAB, SHOW_DELETED};
use crate::bed::slapd::{SUFFIX, SYNC, SYNC_PASSWORD};
use crate::bed::{Account, Ds389, Samba, SambaOptions, names, read_all, wait_until};

const BASE: &str = "DC=ad,DC=test";
/// DirSync (MS-ADTS 3.1.1.3.4.1.3) from the beginning: no flags, as much as there is, no cookie.
const DIRSYNC: &str = "!dirSync=0/1000000";

#[test]
fn a_domain_starts_from_nothing_with_everything_in_it() {
    let samba = Samba::start_from_nothing(SambaOptions::default());
    let dn = |rdn: &str| format!("{rdn},{BASE}");
    assert_eq!(samba.values(&dn("CN=staff,OU=Groups"), "member").len(), 2);
    let types = |rdn: &str| samba.values(&dn(rdn), "sAMAccountType");
    assert_eq!(types("CN=alice,OU=Staff"), ["805306368"]);
    for machine in ["CN=ws1,OU=Machines", "CN=msa1,CN=Managed Service Accounts", "CN=gmsa1,CN=Managed Service Accounts"]
    {
        assert_eq!(types(machine), ["805306369"], "{machine}");
    }
    let stranger = dn("CN=S-1-5-21-1-2-3-1104,CN=ForeignSecurityPrincipals");
    assert_eq!(samba.values(&dn("CN=visitors,OU=Groups"), "member"), [stranger]);
}

#[test]
fn each_account_is_refused_for_its_own_reason() {
    let samba = Samba::start(SambaOptions::default());
    // The codes of MS-ERREF 2.2, as the server puts them into its diagnostic message.
    let reasons = [
        ("disabled", "533"),
        ("expired", "701"),
        ("oldpassword", "532"),
        ("mustchange", "773"),
        ("locked", "775"),
        ("nohours", "530"),
        ("elsewhere", "531"),
    ];
    for (account, reason) in reasons {
        let mut tools = samba.tools(Account::Plain);
        tools.bind = format!("{account}@ad.test");
        let said = String::from_utf8(tools.try_search(&["-s", "base", "-b", "", "1.1"]).stderr).unwrap();
        assert!(said.contains(&format!("data {reason},")), "{account}: {said}");
    }
}

#[test]
fn the_service_accounts_have_the_rights_their_names_say_and_no_more() {
    let samba = Samba::start(SambaOptions::default());
    samba.delete(&format!("CN=bob,OU=Staff,{BASE}"));
    let dirsync =
        |account| samba.tools(account).try_search(&["-E", DIRSYNC, "-b", BASE, "(objectClass=user)", "sAMAccountName"]);
    let deleted = |account| {
        let found = samba.tools(account).search(&["-E", SHOW_DELETED, "-b", BASE, "(isDeleted=TRUE)", "isDeleted"]);
        found.contains("dn: CN=bob")
    };
    assert_eq!(dirsync(Account::Plain).status.code(), Some(50), "insufficientAccessRights");
    assert!(!deleted(Account::Plain));

    let changes = success(&dirsync(Account::Changes));
    assert!(changes.contains("CN=alice") && !changes.contains("CN=bob"), "{changes}");
    assert!(!deleted(Account::Changes));

    let sync = success(&dirsync(Account::Sync));
    assert!(sync.contains("CN=alice") && sync.contains("CN=bob"), "{sync}");
    assert!(deleted(Account::Sync));
}

#[test]
fn a_controller_put_back_from_a_backup_gives_old_sequence_numbers_again() {
    let mut samba = Samba::start(SambaOptions::default());
    let (before, database) = (samba.highest_usn(), samba.invocation_id());
    samba.stop();
    let backup = samba.put_aside();
    samba.run();
    samba.add_person("carol");
    let after = samba.highest_usn();
    assert!(after > before, "{after} after {before}");

    samba.kill();
    samba.put_back(&backup);
    samba.run();
    assert!(samba.highest_usn() < after);
    assert_eq!(samba.invocation_id(), database);

    samba.stop();
    let renewed = Guid::from_bytes([7; 16]);
    samba.renew_invocation_id(renewed);
    samba.set_password_time(&format!("CN=alice,OU=Staff,{BASE}"), 131_000_000_000_000_000);
    samba.run();
    assert_eq!(samba.invocation_id(), renewed);
    assert_eq!(samba.values(&format!("CN=alice,OU=Staff,{BASE}"), "pwdLastSet"), ["131000000000000000"]);
}

#[test]
fn a_deleted_user_comes_back_as_the_same_object_without_most_of_its_attributes() {
    let samba = Samba::start(SambaOptions { domain: LAB, ..SambaOptions::default() });
    let bob = "CN=bob,OU=Staff,DC=lab,DC=test";
    let guid = samba.guid_of(bob);
    samba.delete(bob);
    samba.restore(guid, bob);
    assert_eq!(samba.guid_of(bob), guid);
    assert_eq!(samba.values(bob, "mail"), [""; 0]);
}

#[test]
fn the_recycle_bin_keeps_attributes_of_the_deleted() {
    let samba = Samba::start(SambaOptions { recycle_bin: true, ..SambaOptions::default() });
    samba.delete(&format!("CN=bob,OU=Staff,{BASE}"));
    let sync = samba.tools(Account::Sync);
    let found =
        sync.search(&["-E", SHOW_DELETED, "-b", BASE, "(sAMAccountName=bob)", "mail", "isDeleted", "isRecycled"]);
    assert!(found.contains("mail: bob@example.test"), "{found}");
    assert!(found.contains("isDeleted: TRUE") && !found.contains("isRecycled"), "{found}");
}

#[test]
fn two_controllers_replicate_when_told_to_and_count_for_themselves() {
    let (first, second) = Samba::start_two(SambaOptions::default());
    assert_ne!(first.invocation_id(), second.invocation_id());
    let there = |samba: &Samba, name: &str| samba.search(&["-b", BASE, &format!("(cn={name})"), "cn"]).contains("dn: ");
    first.add_person("carol");
    assert!(!there(&second, "carol"));
    Samba::replicate(&first, &second);
    assert!(there(&second, "carol"));
    second.add_person("dave");
    Samba::replicate(&second, &first);
    assert!(there(&first, "dave"));
}

#[test]
fn the_389_server_gives_its_sync_account_a_cookie_and_ids() {
    let mut server = Ds389::start();
    let sync = |server: &Ds389| {
        let words = ["-E", "!sync=ro", "-b", SUFFIX, "(uid=*)", "uid", "nsUniqueId"];
        success(&server.tools(SYNC, SYNC_PASSWORD).try_search(&words))
    };
    let said = sync(&server);
    assert!(said.contains("uid: alice") && said.contains("nsUniqueId: ") && said.contains("cookie"), "{said}");

    server.add_person("carol");
    let carol = server.guid_of(&format!("uid=carol,ou=people,{SUFFIX}"));
    server.stop();
    server.run();
    assert_eq!(server.guid_of(&format!("uid=carol,ou=people,{SUFFIX}")), carol);
    assert!(sync(&server).contains("uid: carol"));
}

#[test]
fn the_389_server_starts_from_nothing_and_its_groups_follow_their_members() {
    let server = Ds389::start_from_nothing();
    let alice = format!("uid=alice,ou=people,{SUFFIX}");
    let found = server.search(&["-s", "base", "-b", &alice, "memberOf"]);
    assert!(found.contains(&format!("memberOf: cn=staff,ou=groups,{SUFFIX}")), "{found}");
    server.delete(&alice);
    wait_until("the group without alice", || !server.search(&["-b", SUFFIX, "(cn=staff)", "member"]).contains("alice"));

    let port: u16 = server.url().rsplit(':').next().unwrap().parse().unwrap();
    drop(server);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "it runs on without its test");
}

#[tokio::test]
async fn bailey_reads_the_servers_with_the_settings_the_bed_gives() {
    let (samba, server) = (Samba::start(SambaOptions::default()), Ds389::start());
    for settings in [samba.settings("ad", Account::Sync), server.settings("389")] {
        let source = LdapSource::new(settings, [7; 32]).unwrap();
        let (arrivals, _) = read_all(&source).await.unwrap();
        let names = names(&arrivals);
        assert!(names.iter().any(|name| name.to_lowercase().contains("=alice,")), "{names:?}");
    }
}

fn success(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
