import RelayKubernetes
import Testing

@Suite("Names in paths")
struct NameTests {
    @Test(
        "Names that Kubernetes has are taken",
        arguments: ["a", "relay-edge", "relay.edge-1", "0", String(repeating: "a", count: 253)])
    func good(text: String) { #expect(KubernetesName(text)?.text == text) }

    @Test(
        "Whatever could change the path of a request is no name",
        arguments: [
            "", ".", "..", "a/b", "a/../b", "a..b", "-a", "a-", ".a", "a.", "A", "a b", "a?b", "a#b", "a%2Fb",
            "a\r\nX: y", "ä",
            "a\u{0}", String(repeating: "a", count: 254),
        ])
    func bad(text: String) { #expect(KubernetesName(text) == nil) }
}
