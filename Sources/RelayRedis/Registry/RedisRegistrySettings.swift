/// How the registry uses its Redis.
package struct RedisRegistrySettings: Sendable {
    /// Before every key and channel; clusters that share a Redis have different ones. The digit is the version of the layout.
    package var prefix = "relay:1:"
    package var connection = RedisSettings()
    /// Holders of a stream that a lookup tells of, nearest first.
    package var holderLimit = 64
    /// How often what nobody takes back is looked for.
    package var sweepInterval = Duration.seconds(600)
    /// Whether an address that stands in the registry may be dialled: `cluster.allowed_cidrs`. Host names are passed, too.
    package var isAllowedAddress: @Sendable (String) -> Bool = { _ in true }

    package init() {}
}
