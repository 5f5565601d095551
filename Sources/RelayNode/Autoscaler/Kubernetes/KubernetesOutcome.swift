import RelayFetch
import RelayKubernetes

/// How a call ended: the label of a metric.
package enum KubernetesOutcome: String, Hashable, Sendable, CaseIterable {
    case done, unauthorised, denied, missing, conflict, gone, busy, unreachable, unreadable, refused

    init(_ problem: KubernetesProblem) {
        self =
            switch problem {
            case .unauthorised: .unauthorised
            case .denied: .denied
            case .missing: .missing
            case .conflict: .conflict
            case .gone: .gone
            case .busy: .busy
            case .unreachable: .unreachable
            case .unreadable: .unreadable
            case .refused: .refused
            }
    }
}

extension KubernetesProblem {
    /// Why there was no answer.
    init(_ error: FetchError, _ request: KubernetesRequest) {
        let words = "\(request.words): \(error.message)"
        self = error.kind == .tooLarge || error.kind == .badRequest ? .unreadable(words) : .unreachable(words)
    }
}
