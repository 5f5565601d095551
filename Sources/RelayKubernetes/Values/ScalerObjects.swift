/// What a HorizontalPodAutoscaler or a KEDA ScaledObject scales. The same shape in `autoscaling/v1`, `v2beta2`, `v2` and
/// `keda.sh/v1alpha1`.
package struct ScalerObject: Hashable, Sendable, Decodable {
    package var metadata: ObjectMeta
    package var spec: Spec?

    package struct Spec: Hashable, Sendable, Decodable {
        package var scaleTargetRef: Target?
    }

    package struct Target: Hashable, Sendable, Decodable {
        /// KEDA takes a Deployment when it is left out.
        package var kind: String?
        package var name: String?
    }

    package func scales(_ workload: WorkloadName) -> Bool {
        guard let target = spec?.scaleTargetRef else { return false }
        return target.name == workload.name.text
            && target.kind ?? WorkloadKind.deployment.rawValue == workload.kind.rawValue
    }
}

package struct ScalerPage: Hashable, Sendable, Decodable {
    package var metadata: ListMeta
    package var items: [ScalerObject]

    private enum CodingKeys: CodingKey { case metadata, items }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try container.decode(ListMeta.self, forKey: .metadata)
        items = try container.decodeIfPresent([ScalerObject].self, forKey: .items) ?? []
    }
}
