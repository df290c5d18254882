"""A zone with a record of each type, as others write them and as ours."""

from ipaddress import IPv4Address, IPv6Address

from trunkline.names import (
    AAAARecord,
    ARecord,
    CAARecord,
    CNAMERecord,
    DNSRecord,
    HTTPSRecord,
    MXRecord,
    NAPTRRecord,
    NSRecord,
    PTRRecord,
    SOARecord,
    SRVRecord,
    SVCBRecord,
    TLSARecord,
    TXTRecord,
)

__all__ = ("OF_EACH_TYPE",)

OF_EACH_TYPE: dict[str, DNSRecord] = {
    "192.0.2.1": ARecord("a.test", 1, IPv4Address("192.0.2.1")),
    "2001:db8::1": AAAARecord("aaaa.test", 2, IPv6Address("2001:db8::1")),
    "ns1.test.": NSRecord("ns.test", 3, "ns1.test"),
    "www.test.": CNAMERecord("cname.test", 4, "www.test"),
    "ns.test. admin.test. 1 2 3 4 5": SOARecord(
        "soa.test", 5, "ns.test", "admin.test", 1, 2, 3, 4, 5
    ),
    "host.test.": PTRRecord("ptr.test", 6, "host.test"),
    "10 mail.test.": MXRecord("mx.test", 7, 10, "mail.test"),
    '"one" "t\\195\\164o"': TXTRecord("txt.test", 8, (b"one", "täo".encode())),
    "1 2 443 srv.test.": SRVRecord("srv.test", 9, 1, 2, 443, "srv.test"),
    '100 10 "s" "SIP+D2U" "" _sip._udp.test.': NAPTRRecord(
        "naptr.test", 10, 100, 10, b"s", b"SIP+D2U", b"", "_sip._udp.test"
    ),
    "3 1 1 ABCDEF": TLSARecord("tlsa.test", 11, 3, 1, 1, b"\xab\xcd\xef"),
    '1 . alpn="h2"': HTTPSRecord("https.test", 12, 1, ".", ((1, b"\2h2"),)),
    '1 svc.test. alpn="h2" port=853': SVCBRecord(
        "svcb.test", 13, 1, "svc.test", ((1, b"\2h2"), (3, b"\3\x55"))
    ),
    '0 issue "ca.test"': CAARecord("caa.test", 14, 0, "issue", b"ca.test"),
}
