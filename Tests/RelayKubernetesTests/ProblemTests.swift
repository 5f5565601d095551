import RelayKubernetes
import Testing

@Suite("What an answer means")
struct ProblemTests {
    private let patch = KubernetesRequest.setReplicas(RequestTests.edge, uid: "u", from: 1, to: 2)
    private let read = KubernetesRequest.workload(RequestTests.edge)

    private func problem(
        _ status: Int, _ request: KubernetesRequest? = nil, retryAfter: String? = nil, _ details: StatusObject? = nil
    ) -> KubernetesProblem? {
        KubernetesProblem(status: status, retryAfter: retryAfter, details: details, to: request ?? read)
    }

    @Test("Success is no problem", arguments: [200, 201, 202])
    func success(status: Int) { #expect(problem(status) == nil) }

    @Test("A refusal names the verb and the resource, and repeats the server's words in one short line")
    func denied() {
        let said = StatusObject(
            code: 403, reason: "Forbidden",
            message: "User \"x\" cannot\npatch\u{1B}[31m" + String(repeating: "!", count: 1_000))
        guard case .denied(let words)? = problem(403, patch, said) else {
            Issue.record("not denied")
            return
        }
        #expect(words.hasPrefix("patch deployments/scale in namespace live: User \"x\" cannot patch [31m!"))
        #expect(words.utf8.count < 400)
    }

    @Test("A lost race is told apart from a mistake")
    func races() {
        let words = "patch deployments/scale in namespace live"
        #expect(problem(409, patch) == .conflict(words))
        #expect(problem(422, patch) == .conflict(words))
        guard case .refused(422, _)? = problem(422, read) else {
            Issue.record("422 without a test is a mistake")
            return
        }
        var other = StatusObject(code: 422)
        other.details = .init(causes: [.init(field: "metadata.uid")])
        #expect(problem(422, read, other) == .conflict("get deployments in namespace live"))
    }

    @Test(
        "How long a busy server asks to be left alone counts, within reason",
        arguments: [
            (nil, nil), ("7", 7), ("0", 0), ("-1", nil), ("999999999999", 120), ("Wed, 21 Oct 2026 07:28:00 GMT", nil),
        ] as [(String?, Int?)])
    func retryAfter(text: String?, seconds: Int?) {
        for status in [429, 500, 503, 504] {
            #expect(
                problem(status, retryAfter: text) == .busy(status: status, retryAfter: seconds.map { .seconds($0) }))
        }
    }

    @Test("An error event of a watch is read like an answer")
    func events() {
        #expect(KubernetesProblem(StatusObject(code: 410, reason: "Expired"), to: read) == .gone)
        #expect(KubernetesProblem(StatusObject(code: 410), to: read) == .gone)
        #expect(KubernetesProblem(StatusObject(), to: read) == .busy(status: 500, retryAfter: nil))
        #expect(
            KubernetesProblem(StatusObject(code: 200), to: read)
                == .unreadable("get deployments in namespace live: an error without a status"))
    }

    @Test("Others", arguments: [401, 404, 410, 301, 400, 415])
    func others(status: Int) {
        switch (status, problem(status)) {
        case (401, .unauthorised), (404, .missing), (410, .gone): break
        case (_, .refused(let code, _)): #expect(code == status && ![401, 404, 410].contains(status))
        case (_, let other): Issue.record("\(status): \(String(describing: other))")
        }
    }
}
