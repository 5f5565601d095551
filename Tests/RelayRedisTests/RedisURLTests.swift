import RelayCore
import RelayRedis
import Testing

@Suite("Registry URL") struct RedisURLTests {
    @Test("A URL of one server is read")
    func server() throws {
        let plain = try RedisURL("redis://10.0.0.5")
        #expect(plain.place == .server(Endpoint(host: "10.0.0.5", port: 6379)))
        #expect(plain.credentials == nil && plain.database == 0 && plain.security == nil)
        let full = try RedisURL("rediss://relay:p%40ss%2Fw:rd@cache.example:6380/3?ca=/etc/ca.pem")
        #expect(full.place == .server(Endpoint(host: "cache.example", port: 6380)))
        #expect(full.credentials == RedisCredentials(user: "relay", password: "p@ss/w:rd"))
        #expect(full.database == 3)
        #expect(full.security?.trustedCertificates == "/etc/ca.pem" && full.security?.acceptsAnyCertificate == false)
        #expect(try RedisURL("redis://:pw@[::1]:7000/").place == .server(Endpoint(host: "::1", port: 7000)))
        #expect(try RedisURL("redis://:pw@h").credentials == RedisCredentials(user: nil, password: "pw"))
        #expect(try RedisURL("rediss://127.0.0.1?insecure=true").security?.acceptsAnyCertificate == true)
    }

    @Test("A URL of Sentinels is read")
    func sentinels() throws {
        let url = try RedisURL("redis+sentinel://u:p@a,b:1234,[fe80::1]/mymaster/2?sentinel_password=s&sentinel_user=t")
        #expect(
            url.place
                == .sentinels(
                    [
                        Endpoint(host: "a", port: 26379), Endpoint(host: "b", port: 1234),
                        Endpoint(host: "fe80::1", port: 26379),
                    ], primary: "mymaster"))
        #expect(url.database == 2)
        #expect(url.credentials == RedisCredentials(user: "u", password: "p"))
        #expect(url.sentinelCredentials == RedisCredentials(user: "t", password: "s"))
        #expect(try RedisURL("rediss+sentinel://a/m").security != nil)
    }

    @Test(
        "A mistake is named",
        arguments: [
            ("localhost:6379", "no scheme"), ("http://h", "scheme is unknown"), ("redis://", "host is missing"),
            ("redis://h:0", "1...65535"), ("redis://h:70000", "1...65535"), ("redis://h:x", "1...65535"),
            ("redis://h:", "1...65535"), ("redis://user@h", "user without a password"),
            ("redis://u:@h", "password is empty"),
            ("redis://u:%zz@h", "percent sign"), ("redis://u:a@b@h", "%40"), ("redis://h/x", "database"),
            ("redis://h/-1", "database"), ("redis://h/0/1", "database"), ("redis://a,b", "several hosts"),
            ("redis://h#x", "%23"), ("redis://h h", "characters"), ("redis://[::1", "closing ]"),
            ("redis://[zz]", "IPv6"), ("redis://h?ca=/x", "rediss:// only"), ("rediss://h?ca=x", "absolute"),
            ("rediss://h?insecure=true", "loopback"), ("rediss://127.0.0.1.example?insecure=true", "loopback"),
            ("rediss://h?insecure=yes", "true or false"), ("rediss://h?x=1", "unknown"), ("rediss://h?ca", "key=value"),
            ("rediss://h?ca=/a&ca=/b", "twice"), ("redis+sentinel://h", "name under which"),
            ("redis+sentinel://h/m/x", "database"), ("redis://h?sentinel_password=x", "redis+sentinel"),
            ("redis+sentinel://h/m?sentinel_user=x", "sentinel_password"),
        ])
    func mistakes(text: String, part: String) {
        let error = #expect(throws: RedisURLError.self) { try RedisURL(text) }
        #expect(error?.description.contains(part) == true, "\(String(describing: error))")
    }

    @Test("Neither a description nor a mistake shows a password")
    func secrets() throws {
        let url = try RedisURL("rediss+sentinel://me:hunter2@a:1,b/m/4?sentinel_password=hunter3")
        #expect(url.description == "rediss+sentinel://me:***@a:1,b:26379/m/4")
        var dumped = ""
        dump(url, to: &dumped)
        for text in ["\(url)", String(reflecting: url), "\(["k": url])", "\(url.credentials as Any)", dumped] {
            #expect(!text.contains("hunter"), "\(text)")
        }
        for text in [
            "hunter2", "redis://me:hunter2@", "redis://me:hunter2@h:0", "redis://me:hunter2%@h", "hunter2://h",
        ] {
            let error = #expect(throws: RedisURLError.self) { try RedisURL(text) }
            #expect(error?.description.contains("hunter2") == false)
        }
    }
}
