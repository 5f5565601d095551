import RelayCluster
import RelayRedis
import RelayTestKit
import Testing

extension RedisSuite {
    @Suite("Redis registry, the contract") struct RegistryContractTests {
        @Test("Redis keeps every promise of a registry", .timeLimit(.minutes(1)))
        func contract() async throws {
            try await withRedis { server in
                try await withRegistry(server.url) { registry in
                    let contract = RegistryContract(registry: registry, empty: { try await server.command("FLUSHALL") })
                    let failures = await contract.run()
                    #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
                    #expect(registry.skippedRecords == 0)
                }
            }
        }
    }
}
