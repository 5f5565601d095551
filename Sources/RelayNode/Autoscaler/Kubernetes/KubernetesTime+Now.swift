import Foundation
import RelayKubernetes

extension KubernetesTime {
    /// UTC now, for times that people read.
    static func now() -> KubernetesTime {
        KubernetesTime(microseconds: Int64((Date().timeIntervalSince1970 * 1e6).rounded()))
    }
}
