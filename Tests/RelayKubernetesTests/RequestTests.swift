import Foundation
import RelayKubernetes
import Testing

@Suite("Requests")
struct RequestTests {
    static let namespace = KubernetesName("live") ?? never
    static let edge = WorkloadName(kind: .deployment, namespace: namespace, name: KubernetesName("relay-edge") ?? never)
    static let origin = WorkloadName(
        kind: .statefulSet, namespace: namespace, name: KubernetesName("relay-origin") ?? never)
    private static var never: KubernetesName { fatalError("a literal that is no name") }

    private func body(_ request: KubernetesRequest) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(try #require(request.body)), as: UTF8.self)
    }

    @Test("Reading a workload and its scale")
    func reads() {
        #expect(
            KubernetesRequest.workload(Self.origin).target == "/apis/apps/v1/namespaces/live/statefulsets/relay-origin")
        let scale = KubernetesRequest.scale(Self.edge)
        #expect(scale.target == "/apis/apps/v1/namespaces/live/deployments/relay-edge/scale")
        #expect(scale.words == "get deployments/scale in namespace live")
        #expect(scale.method == .get)
    }

    @Test("Replicas are set under a guard on the object and on what they were")
    func guarded() throws {
        let request = KubernetesRequest.setReplicas(Self.edge, uid: "u", from: 12, to: 15)
        #expect(request.method == .patch)
        #expect(
            request.target == "/apis/apps/v1/namespaces/live/deployments/relay-edge/scale?fieldManager=relay-autoscaler"
        )
        #expect(request.body?.contentType == "application/json-patch+json")
        #expect(
            try body(request) == """
                [{"op":"test","path":"/metadata/uid","value":"u"},{"op":"test","path":"/spec/replicas","value":12},\
                {"op":"replace","path":"/spec/replicas","value":15}]
                """)
        #expect(
            KubernetesRequest.setReplicas(Self.edge, uid: "u", from: 1, to: 1, isDryRun: true).target.hasSuffix(
                "&dryRun=All"))
    }

    @Test("From zero, where there is no field to test, the version is the guard")
    func fromZero() throws {
        let request = KubernetesRequest.setReplicasFromZero(Self.edge, uid: "u", resourceVersion: "7", to: 3)
        #expect(request.body?.contentType == "application/merge-patch+json")
        #expect(try body(request) == #"{"metadata":{"resourceVersion":"7","uid":"u"},"spec":{"replicas":3}}"#)
    }

    @Test("A deletion cost is written as text, and null takes it away")
    func cost() throws {
        let pod = try #require(KubernetesName("p-1"))
        let set = KubernetesRequest.setDeletionCost(of: pod, uid: "u", in: Self.namespace, to: -1003)
        #expect(set.target == "/api/v1/namespaces/live/pods/p-1?fieldManager=relay-autoscaler")
        #expect(
            try body(set)
                == #"{"metadata":{"annotations":{"controller.kubernetes.io/pod-deletion-cost":"-1003"},"uid":"u"}}"#)
        let clear = KubernetesRequest.setDeletionCost(of: pod, uid: "u", in: Self.namespace, to: nil)
        #expect(
            try body(clear)
                == #"{"metadata":{"annotations":{"controller.kubernetes.io/pod-deletion-cost":null},"uid":"u"}}"#)
    }

    @Test("Selectors and tokens are escaped, and absurd ones are not sent")
    func queries() throws {
        let list = try #require(
            KubernetesRequest.pods(in: Self.namespace, selector: "app=edge,x in (a,b)&watch=1", continue: "a b+c/="))
        #expect(
            list.target
                == "/api/v1/namespaces/live/pods?labelSelector=app%3Dedge%2Cx%20in%20%28a%2Cb%29%26watch%3D1&limit=500&continue=a%20b%2Bc%2F%3D"
        )
        let long = String(repeating: "a", count: 9_000)
        #expect(KubernetesRequest.pods(in: Self.namespace, selector: long, continue: nil) == nil)
        #expect(KubernetesRequest.pods(in: Self.namespace, selector: "a", continue: long) == nil)
        #expect(KubernetesRequest.watchPods(in: Self.namespace, selector: "a", from: long) == nil)
        let watch = try #require(KubernetesRequest.watchPods(in: Self.namespace, selector: "a=b", from: "5"))
        #expect(
            watch.target
                == "/api/v1/namespaces/live/pods?labelSelector=a%3Db&watch=1&resourceVersion=5&allowWatchBookmarks=true&timeoutSeconds=300"
        )
        #expect(watch.verb == "watch")
    }

    @Test("A lease goes out with six decimals and its version")
    func lease() throws {
        var spec = LeaseObject.Spec()
        spec.holderIdentity = "a"
        spec.leaseDurationSeconds = 15
        spec.renewTime = KubernetesTime(microseconds: 0)
        spec.leaseTransitions = 7
        let lease = LeaseObject(metadata: ObjectMeta(name: "l", namespace: "live", resourceVersion: "9"), spec: spec)
        let request = KubernetesRequest.updateLease(lease, try #require(KubernetesName("l")), in: Self.namespace)
        #expect(request.method == .put)
        #expect(request.target == "/apis/coordination.k8s.io/v1/namespaces/live/leases/l")
        #expect(
            try body(request) == """
                {"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"l","namespace":"live","resourceVersion":"9"},\
                "spec":{"holderIdentity":"a","leaseDurationSeconds":15,"leaseTransitions":7,"renewTime":"1970-01-01T00:00:00.000000Z"}}
                """)
        #expect(KubernetesRequest.createLease(lease, in: Self.namespace).target.hasSuffix("/namespaces/live/leases"))
    }

    @Test("Texts of an event are cut to what the server takes")
    func event() throws {
        let event = EventObject(
            name: try #require(KubernetesName("e")), about: Self.edge, uid: "u", reason: "forecast viewers\n",
            note: String(repeating: "ä", count: 1_000), isWarning: true, reporter: String(repeating: "r", count: 300),
            at: KubernetesTime(microseconds: 0))
        #expect(event.reason == "forecastviewers")
        #expect(event.note == String(repeating: "ä", count: 512))
        #expect(event.reportingInstance.utf8.count == 128)
        #expect(event.type == "Warning")
        #expect(
            KubernetesRequest.createEvent(event, in: Self.namespace).target
                == "/apis/events.k8s.io/v1/namespaces/live/events")
    }

    @Test("Lists of other masters, in the namespace only")
    func masters() {
        #expect(
            KubernetesRequest.horizontalPodAutoscalers(in: Self.namespace, version: "v2").target
                == "/apis/autoscaling/v2/namespaces/live/horizontalpodautoscalers?limit=500")
        #expect(
            KubernetesRequest.scaledObjects(in: Self.namespace, continue: "x").target
                == "/apis/keda.sh/v1alpha1/namespaces/live/scaledobjects?limit=500&continue=x")
    }
}
