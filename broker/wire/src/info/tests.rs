use alloc::string::ToString;
use alloc::vec;

use super::*;

/// Documents of nats-server 2.15.1, as captured on its client, route, leafnode and gateway ports.
/// Reading and writing again must give the same bytes.
const CAPTURED: &[(&str, &str)] = &[
    (
        "client",
        r#"{"server_id":"NAEZWMMI4Z5XOST4CBEQHLXSEQPFIHQKY2JJPJLDWCHLHIOF5RUDP2TR","server_name":"A","version":"2.15.1","proto":1,"git_commit":"b2fd3ef","go":"go1.27.2","host":"0.0.0.0","port":36485,"headers":true,"max_payload":1048576,"client_id":7,"client_ip":"127.0.0.1","cluster":"C1","api_lvl":5,"xkey":"XBPVKQWRMKHLAGZBXD35NFBVQJNWTQT64GBUL2GGPCXBPXZKPWVBIJPF"}"#,
    ),
    (
        "client after its first PING",
        r#"{"server_id":"NAEZWMMI4Z5XOST4CBEQHLXSEQPFIHQKY2JJPJLDWCHLHIOF5RUDP2TR","server_name":"A","version":"2.15.1","proto":1,"git_commit":"b2fd3ef","go":"go1.27.2","host":"0.0.0.0","port":36485,"headers":true,"max_payload":1048576,"client_id":7,"client_ip":"127.0.0.1","cluster":"C1","connect_info":true,"remote_account":"$G","api_lvl":5,"xkey":"XBPVKQWRMKHLAGZBXD35NFBVQJNWTQT64GBUL2GGPCXBPXZKPWVBIJPF"}"#,
    ),
    (
        "route",
        r#"{"server_id":"NAEZWMMI4Z5XOST4CBEQHLXSEQPFIHQKY2JJPJLDWCHLHIOF5RUDP2TR","server_name":"A","version":"2.15.1","proto":3,"go":"go1.27.2","host":"127.0.0.1","port":54719,"headers":true,"max_payload":1048576,"nonce":"y01Vslm4e6__3Ko","cluster":"C1","connect_urls":["192.0.2.2:36485","[fd00::2]:36485"],"compression":"accept","lnoc":true,"lnocu":true,"ln":true,"route_pool_size":3}"#,
    ),
    (
        "leafnode",
        r#"{"server_id":"NBY6IM66OD7XO2UMG3PKYGRSOBNO2VCDHJP5T5JS5GVKLH2SRXQIRAK6","server_name":"NBY6IM66OD7XO2UMG3PKYGRSOBNO2VCDHJP5T5JS5GVKLH2SRXQIRAK6","version":"2.15.1","proto":3,"git_commit":"b2fd3ef","go":"go1.27.2","host":"127.0.0.1","port":51371,"headers":true,"auth_required":true,"max_payload":1048576,"ip":"127.0.0.1:51371","client_id":6,"nonce":"DCbvZ75P5XKTlvQ","cluster":"G\u003c1\u003e\u0026é","compression":"s2_auto","api_lvl":5,"info_on_connect":true,"leafnode_urls":["127.0.0.1:51371"]}"#,
    ),
    (
        "gateway",
        r#"{"server_id":"NBY6IM66OD7XO2UMG3PKYGRSOBNO2VCDHJP5T5JS5GVKLH2SRXQIRAK6","server_name":"","version":"2.15.1","proto":3,"go":"","host":"127.0.0.1","port":34117,"headers":true,"max_payload":1048576,"gateway":"G\u003c1\u003e\u0026é","gateway_urls":["127.0.0.1:34117"],"gateway_url":"127.0.0.1:34117","gateway_nrp":true,"gateway_iom":true}"#,
    ),
];

#[test]
fn captured_documents_come_out_as_they_went_in() {
    for (kind, json) in CAPTURED {
        let info = Info::parse(json.as_bytes()).unwrap();
        assert_eq!(core::str::from_utf8(&info.to_json()).unwrap(), *json, "{kind}");
    }
}

#[test]
fn fields_arrive_where_they_belong() {
    let info = Info::parse(CAPTURED[2].1.as_bytes()).unwrap();
    assert_eq!(info.server_name, "A");
    assert_eq!((info.proto, info.port, info.max_payload), (3, 54719, 1_048_576));
    assert_eq!(info.connect_urls, ["192.0.2.2:36485", "[fd00::2]:36485"]);
    assert_eq!((info.lnoc, info.lnocu, info.ln, info.route_pool_size), (true, true, true, 3));
    assert_eq!(Info::parse(CAPTURED[3].1.as_bytes()).unwrap().cluster, "G<1>&\u{e9}");
}

/// Every field that may be left out, in wire order.
#[test]
fn the_order_of_all_fields() {
    let text = || "x".to_string();
    let list = || vec![text()];
    let subjects = || Some(SubjectPermission { allow: list(), deny: vec![text(), text()] });
    let info = Info {
        server_id: text(),
        server_name: text(),
        version: text(),
        proto: 1,
        git_commit: text(),
        go: text(),
        host: text(),
        port: -1,
        headers: true,
        auth_required: true,
        tls_required: true,
        tls_verify: true,
        tls_available: true,
        max_payload: 1,
        jetstream: true,
        ip: text(),
        client_id: u64::MAX,
        client_ip: text(),
        nonce: text(),
        cluster: text(),
        cluster_dynamic: true,
        domain: text(),
        connect_urls: list(),
        ws_connect_urls: vec![text(), text()],
        ldm: true,
        compression: text(),
        connect_info: true,
        remote_account: text(),
        acc_is_sys: true,
        api_lvl: 1,
        import: subjects(),
        export: Some(SubjectPermission::default()),
        lnoc: true,
        lnocu: true,
        ln: true,
        info_on_connect: true,
        route_pool_size: 1,
        route_pool_idx: 1,
        route_account: text(),
        route_acc_add_reqid: text(),
        gossip_mode: 2,
        gateway: text(),
        gateway_urls: list(),
        gateway_url: text(),
        gateway_cmd: 255,
        gateway_cmd_payload: text(),
        gateway_nrp: true,
        gateway_iom: true,
        leafnode_urls: list(),
        xkey: text(),
        causeway_buffer: 1,
    };
    let expected = r#"{"server_id":"x","server_name":"x","version":"x","proto":1,"git_commit":"x","go":"x","host":"x","port":-1,"headers":true,"auth_required":true,"tls_required":true,"tls_verify":true,"tls_available":true,"max_payload":1,"jetstream":true,"ip":"x","client_id":18446744073709551615,"client_ip":"x","nonce":"x","cluster":"x","cluster_dynamic":true,"domain":"x","connect_urls":["x"],"ws_connect_urls":["x","x"],"ldm":true,"compression":"x","connect_info":true,"remote_account":"x","acc_is_sys":true,"api_lvl":1,"import":{"allow":["x"],"deny":["x","x"]},"export":{},"lnoc":true,"lnocu":true,"ln":true,"info_on_connect":true,"route_pool_size":1,"route_pool_idx":1,"route_account":"x","route_acc_add_reqid":"x","gossip_mode":2,"gateway":"x","gateway_urls":["x"],"gateway_url":"x","gateway_cmd":255,"gateway_cmd_payload":"x","gateway_nrp":true,"gateway_iom":true,"leafnode_urls":["x"],"xkey":"x","causeway_buffer":1}"#;
    assert_eq!(core::str::from_utf8(&info.to_json()).unwrap(), expected);
    assert_eq!(Info::parse(expected.as_bytes()).unwrap(), info);
}

#[test]
fn what_is_always_written() {
    let expected = r#"{"server_id":"","server_name":"","version":"","proto":0,"go":"","host":"","port":0,"headers":false,"max_payload":0}"#;
    assert_eq!(core::str::from_utf8(&Info::default().to_json()).unwrap(), expected);
}

/// The escapes of Go's encoding/json.
#[test]
fn names_are_escaped_as_in_go() {
    let check = |name: &str, expected: &str| {
        let info = Info { ip: name.into(), ..Info::default() };
        let json = info.to_json();
        let json = core::str::from_utf8(&json).unwrap();
        let at = json.find(r#""ip":"#).unwrap() + 5;
        assert_eq!(json[at..].strip_suffix('}'), Some(expected));
        assert_eq!(Info::parse(json.as_bytes()).unwrap().ip, name);
    };
    check("a/b", r#""a/b""#);
    check(r#"a"b\c"#, r#""a\"b\\c""#);
    check("<a>&", r#""\u003ca\u003e\u0026""#);
    check("\u{8}\u{c}\n\r\t", r#""\b\f\n\r\t""#);
    check("\u{1}\u{1f}\u{7f}", "\"\\u0001\\u001f\u{7f}\"");
    check("\u{2028}\u{2029}", r#""\u2028\u2029""#);
    check("\u{e9}\u{1f600}", "\"\u{e9}\u{1f600}\"");
}

#[track_caller]
fn check_read(json: &[u8], expected: Option<Info>) {
    assert_eq!(Info::parse(json).ok(), expected, "{}", json.escape_ascii());
}

#[test]
fn reading_is_as_mild_as_go() {
    let named = |name: &str| Some(Info { server_name: name.into(), ..Info::default() });
    check_read(b"{}", Some(Info::default()));
    check_read(b" null ", Some(Info::default()));
    check_read(br#"{"SERVER_Name":"a"}"#, named("a"));
    check_read(br#"{"server_name":"a","server_name":"b"}"#, named("b"));
    check_read(br#"{"server_name":"a","server_name":null,"port":null,"ldm":null}"#, named("a"));
    check_read(br#"{"unknown":{"server_name":["x"]},"server_name":"a"}"#, named("a"));
    check_read(b"{\"server_name\":\"\xff\"}", named("\u{fffd}"));
    check_read(br#"{"server_name":"\ud800"}"#, named("\u{fffd}"));
    check_read(br#"{"server_name":"\uDC00x"}"#, named("\u{fffd}x"));
    check_read(br#"{"server_name":"\ud83d\ude00"}"#, named("\u{1f600}"));
    check_read(br#"{"server_name":"\ud83d\ud83d\ude00"}"#, named("\u{fffd}\u{1f600}"));
    check_read(br#"{"server_name":"\\ud800\ud800"}"#, named("\\ud800\u{fffd}"));
}

#[test]
fn integers_are_moved_into_range() {
    let ports = |port| Some(Info { port, ..Info::default() });
    check_read(br#"{"port":4222}"#, ports(4222));
    check_read(br#"{"port":-1}"#, ports(-1));
    check_read(br#"{"port":99999999999}"#, ports(i32::MAX));
    check_read(br#"{"port":-99999999999}"#, ports(i32::MIN));
    check_read(br#"{"client_id":-1}"#, Some(Info::default()));
    check_read(br#"{"gossip_mode":256}"#, Some(Info { gossip_mode: 255, ..Info::default() }));
}

#[test]
fn what_is_not_the_document_is_refused() {
    for json in [
        b"".as_slice(),
        b"\r",
        b"x",
        b"1",
        b"[]",
        b"\"a\"",
        b"{",
        b"{}{}",
        b"{} x",
        br#"{"port":"1"}"#,
        br#"{"port":1.0}"#,
        br#"{"port":1e0}"#,
        br#"{"port":99999999999999999999}"#,
        br#"{"headers":1}"#,
        br#"{"server_name":1}"#,
        br#"{"connect_urls":"x"}"#,
        br#"{"import":[]}"#,
        br#"{"server_name":"\u12"}"#,
        br#"{"server_name":"\ud8"}"#,
        b"{\"a\":\"\\",
    ] {
        check_read(json, None);
    }
    let error = Info::parse(b"x").unwrap_err().to_string();
    assert!(error.starts_with("not the JSON document expected here: "), "{error}");
}
