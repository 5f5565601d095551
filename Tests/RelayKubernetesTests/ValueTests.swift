import Foundation
import RelayKubernetes
import Testing

@Suite("Values of the API")
struct ValueTests {
    private func decode<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
        try JSONDecoder().decode(type, from: Data(text.utf8))
    }

    @Test("Zero replicas are left out of a scale by the server")
    func zero() throws {
        let scale = try decode(
            ScaleObject.self,
            #"{"kind":"Scale","apiVersion":"autoscaling/v1","metadata":{"name":"e","uid":"u","resourceVersion":"5"},"spec":{},"status":{"replicas":0,"selector":"app=e"}}"#
        )
        #expect(scale.replicas == 0)
        #expect(scale.status?.selector == "app=e")
    }

    @Test("Replicas that are no count are refused or read as none")
    func absurd() throws {
        #expect(throws: (any Error).self) { try decode(ScaleObject.self, #"{"metadata":{},"spec":{"replicas":1e18}}"#) }
        #expect(try decode(ScaleObject.self, #"{"metadata":{},"spec":{"replicas":-5}}"#).replicas == 0)
    }

    @Test(
        "A workload is settled when the newest template is seen and every pod asked for is of it",
        arguments: [
            (
                #""generation":3"#, #"{"replicas":5}"#, #"{"observedGeneration":3,"replicas":5,"updatedReplicas":5}"#,
                true
            ),
            (
                #""generation":4"#, #"{"replicas":5}"#, #"{"observedGeneration":3,"replicas":5,"updatedReplicas":5}"#,
                false
            ),
            (
                #""generation":3"#, #"{"replicas":5}"#, #"{"observedGeneration":3,"replicas":6,"updatedReplicas":2}"#,
                false
            ),
            (
                #""generation":3"#, #"{"replicas":5}"#, #"{"observedGeneration":3,"replicas":4,"updatedReplicas":4}"#,
                false
            ),
            (#""generation":3"#, #"{"replicas":0}"#, #"{"observedGeneration":3}"#, true),
            (#""generation":3"#, #"{"replicas":5}"#, #"{}"#, false),
            (
                #""generation":1"#, #"{"replicas":2}"#,
                #"{"observedGeneration":1,"replicas":2,"updatedReplicas":2,"currentRevision":"a","updateRevision":"b"}"#,
                false
            ),
            (
                #""generation":1"#, #"{"replicas":2}"#,
                #"{"observedGeneration":1,"replicas":2,"updatedReplicas":2,"currentRevision":"b","updateRevision":"b"}"#,
                true
            ),
        ])
    func settled(metadata: String, spec: String, status: String, isSettled: Bool) throws {
        let object = try decode(
            WorkloadObject.self, #"{"metadata":{"uid":"u",\#(metadata)},"spec":\#(spec),"status":\#(status)}"#)
        #expect(object.isSettled == isSettled)
    }

    private static let pod = """
        {"metadata":{"name":"relay-edge-5f-x","uid":"u1","resourceVersion":"9","creationTimestamp":"2026-01-01T00:00:05Z",
        "annotations":{"controller.kubernetes.io/pod-deletion-cost":"-1003"},
        "ownerReferences":[{"kind":"ReplicaSet","name":"relay-edge-5f","uid":"r","controller":true}]},
        "spec":{"nodeName":"n1","containers":[{"name":"c"}]},
        "status":{"phase":"Running","conditions":[{"type":"Initialized","status":"True"},
        {"type":"Ready","status":"True","lastTransitionTime":"2026-01-01T00:00:09Z"}],
        "containerStatuses":[{"restartCount":2},{"restartCount":5}]}}
        """

    @Test("A pod says what deletion is ordered by")
    func pod() throws {
        let pod = try decode(PodObject.self, Self.pod)
        #expect(pod.cost == -1003)
        #expect(pod.restarts == 5)
        #expect(pod.ready?.lastTransitionTime?.text == "2026-01-01T00:00:09.000000Z")
        #expect(!pod.isOver)
    }

    @Test(
        "Pods of others that the selector matches, too, are told apart",
        arguments: [
            ("ReplicaSet", "relay-edge-5f", true), ("ReplicaSet", "relay-edge-canary-5f", false),
            ("ReplicaSet", "relay-edge", false),
            ("Job", "relay-edge-5f", false),
        ])
    func owner(kind: String, name: String, isOwn: Bool) throws {
        var pod = try decode(PodObject.self, Self.pod)
        pod.metadata.ownerReferences = [OwnerReference(kind: kind, name: name, uid: "r", controller: true)]
        #expect(pod.belongs(to: RequestTests.edge, uid: "d") == isOwn)
        pod.metadata.ownerReferences = nil
        #expect(!pod.belongs(to: RequestTests.edge, uid: "d"))
    }

    @Test("A StatefulSet's pods name it by uid")
    func ordinals() throws {
        var pod = try decode(PodObject.self, Self.pod)
        pod.metadata.ownerReferences = [
            OwnerReference(kind: "StatefulSet", name: "relay-origin", uid: "s", controller: true)
        ]
        #expect(pod.belongs(to: RequestTests.origin, uid: "s"))
        #expect(!pod.belongs(to: RequestTests.origin, uid: "earlier"))
    }

    @Test("A cost that is no 32-bit number counts as none", arguments: ["", "1.5", "99999999999", "a", " 1"])
    func badCost(text: String) throws {
        var pod = try decode(PodObject.self, Self.pod)
        pod.metadata.annotations = [PodObject.deletionCost: text]
        #expect(pod.cost == nil)
    }

    @Test("Events of a watch, also kinds that do not exist yet")
    func events() throws {
        for (type, event) in [
            ("ADDED", PodEvent.added(try decode(PodObject.self, Self.pod))),
            ("MODIFIED", .modified(try decode(PodObject.self, Self.pod))),
            ("DELETED", .deleted(try decode(PodObject.self, Self.pod))), ("SOMETHING", .other),
        ] {
            #expect(try decode(PodEvent.self, #"{"type":"\#(type)","object":\#(Self.pod)}"#) == event)
        }
        #expect(
            try decode(
                PodEvent.self,
                #"{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"12"},"spec":{"containers":null}}}"#
            )
                == .bookmark("12"))
        guard
            case .error(let status) = try decode(
                PodEvent.self,
                #"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"#)
        else {
            Issue.record("no error")
            return
        }
        #expect(status.code == 410)
    }

    @Test(
        "What is no event is an error, not a trap",
        arguments: [
            "", "null", "[]", "{}", #"{"type":1}"#, #"{"type":"ADDED"}"#, #"{"type":"ADDED","object":[]}"#,
            String(repeating: "[", count: 100_000),
        ])
    func garbage(text: String) { #expect(throws: (any Error).self) { try decode(PodEvent.self, text) } }

    @Test("A list without items is empty")
    func empty() throws {
        #expect(try decode(PodPage.self, #"{"metadata":{"resourceVersion":"1"},"items":null}"#).items.isEmpty)
        #expect(try decode(ScalerPage.self, #"{"metadata":{}}"#).items.isEmpty)
    }

    @Test("Other masters of a workload, in every version of theirs")
    func masters() throws {
        let page = try decode(
            ScalerPage.self,
            """
            {"metadata":{},"items":[{"metadata":{"name":"h"},"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"relay-edge"},"minReplicas":1}},
            {"metadata":{"name":"k"},"spec":{"scaleTargetRef":{"name":"relay-edge"}}},
            {"metadata":{"name":"o"},"spec":{"scaleTargetRef":{"kind":"StatefulSet","name":"relay-edge"}}},{"metadata":{"name":"n"}}]}
            """)
        #expect(page.items.map { $0.scales(RequestTests.edge) } == [true, true, false, false])
        #expect(page.items.map { $0.scales(RequestTests.origin) } == [false, false, false, false])
    }
}
