import RelayCrypto
import Testing

private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
}

@Suite("Crypto")
struct CryptoTests {
    @Test("SHA-1 of the vectors in FIPS 180 and RFC 6455")
    func sha1() {
        #expect(hex(SHA1.hash(Array("abc".utf8))) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(hex(SHA1.hash([])) == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
        let key = "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        #expect(hex(SHA1.hash(Array(key.utf8))) == "b37a4f2cc0624f1690f64606cf385945b2bec4ea")
    }

    @Test("HMAC-SHA-256 of the vectors in RFC 4231")
    func hmac() {
        #expect(
            hex(HMACSHA256.authenticate(key: Array(repeating: 0x0B, count: 20), message: Array("Hi There".utf8)))
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        #expect(
            hex(HMACSHA256.authenticate(key: Array("Jefe".utf8), message: Array("what do ya want for nothing?".utf8)))
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(
            hex(
                HMACSHA256.authenticate(
                    key: Array(repeating: 0xAA, count: 131),
                    message: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8)))
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }

    @Test("an empty key and an empty message have a code of their own, whatever was keyed before")
    func emptyInputs() {
        _ = HMACSHA256.authenticate(key: [1, 2, 3], message: [4])
        #expect(
            hex(HMACSHA256.authenticate(key: [], message: []))
                == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
    }

    @Test("random bytes come in the asked number and differ")
    func random() {
        #expect(SecureRandom.bytes(count: 0).isEmpty)
        #expect(SecureRandom.bytes(count: -1).isEmpty)
        #expect(SecureRandom.bytes(count: 1528).count == 1528)
        #expect(SecureRandom.bytes(count: 32) != SecureRandom.bytes(count: 32))
    }

    @Test("secrets are equal only when all their bytes are")
    func constantTime() {
        #expect(ConstantTime.areEqual([], []))
        #expect(ConstantTime.areEqual([1, 2], [1, 2]))
        #expect(!ConstantTime.areEqual([1, 2], [1, 3]))
        #expect(!ConstantTime.areEqual([1, 2], [1, 2, 3]))
    }
}

@Suite("Certificates that nodes make for their links")
struct SelfSignedCertificateTests {
    @Test("Each has a key and a fingerprint of its own, and both are DER")
    func made() throws {
        let one = try SelfSignedCertificate(commonName: "o1")
        let other = try SelfSignedCertificate(commonName: "o1")
        #expect(one.fingerprint.count == 64 && one.fingerprint.allSatisfy(\.isHexDigit))
        #expect(one.fingerprint == SelfSignedCertificate.fingerprint(of: one.certificate))
        #expect(one.fingerprint != other.fingerprint)
        #expect(one.privateKey != other.privateKey)
        // A DER sequence begins with 0x30.
        #expect(one.certificate.first == 0x30 && one.privateKey.first == 0x30)
    }
}
