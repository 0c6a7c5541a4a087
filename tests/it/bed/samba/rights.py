"""rights.py SMB_CONF: gives the service accounts of zoo.ldif their rights, in the files of a server that is down.

samba-tool can change the domain's own security descriptor, but not that of CN=Deleted Objects.
"""
import sys

import ldb
from samba.auth import system_session
from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack
from samba.param import LoadParm
from samba.samdb import SamDB

GET_CHANGES = "(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;%s)"  # DS-Replication-Get-Changes, MS-ADTS 5.1.3.2.1
LIST_AND_READ = "(A;CI;RPLC;;;%s)"
CONTROLS = ["show_deleted:1", "sd_flags:1:4"]  # the DACL only


def main():
    settings = LoadParm()
    settings.load(sys.argv[1])
    directory = SamDB(lp=settings, session_info=system_session())
    domain = directory.domain_dn()
    for account in ("svc-changes", "svc-sync"):
        allow(directory, domain, GET_CHANGES % sid_of(directory, account))
    allow(directory, "CN=Deleted Objects," + domain, LIST_AND_READ % sid_of(directory, "svc-sync"))


def sid_of(directory, account):
    found = directory.search(directory.domain_dn(), expression="(sAMAccountName=%s)" % account, attrs=["objectSid"])
    return ndr_unpack(security.dom_sid, found[0]["objectSid"][0])


def allow(directory, dn, entry):
    """Puts an access control entry before the others of an object."""
    domain_sid = security.dom_sid(directory.get_domain_sid())
    found = directory.search(dn, scope=ldb.SCOPE_BASE, attrs=["nTSecurityDescriptor"], controls=CONTROLS)[0]
    sddl = ndr_unpack(security.descriptor, found["nTSecurityDescriptor"][0]).as_sddl(domain_sid)
    first = sddl.index("(", sddl.index("D:"))
    changed = security.descriptor.from_sddl(sddl[:first] + entry + sddl[first:], domain_sid)
    change = ldb.Message(found.dn)
    change["nTSecurityDescriptor"] = ldb.MessageElement(
        ndr_pack(changed), ldb.FLAG_MOD_REPLACE, "nTSecurityDescriptor"
    )
    directory.modify(change, controls=CONTROLS)


main()
