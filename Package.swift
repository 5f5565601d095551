// swift-tools-version: 6.2
import PackageDescription

/// Settings of every target of our own: explicit `any`, imports that do not leak, members only from
/// modules that are imported, and no warning left standing.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// For targets whose parts are tested in the build that ships: their types are final or values, so this costs no speed.
let testable = strict + [.unsafeFlags(["-enable-testing"])]

let nio = (
    core: Target.Dependency.product(name: "NIOCore", package: "swift-nio"),
    posix: Target.Dependency.product(name: "NIOPosix", package: "swift-nio"),
    http1: Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio"),
    webSocket: Target.Dependency.product(name: "NIOWebSocket", package: "swift-nio"),
    tls: Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl"),
    embedded: Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
)
let collections = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")
let realModule = Target.Dependency.product(name: "RealModule", package: "swift-numerics")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
    name: "edge-relay",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "relay", targets: ["relay"]),
        .executable(name: "relayctl", targets: ["relayctl"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(
            url: "https://github.com/apple/swift-configuration", from: "1.4.0",
            traits: [.defaults, "YAML", "CommandLineArguments"]),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // C libraries, each behind one Swift face.
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),
        // Without pkg-config, whose flags for hiredis the package manager does not allow; the module map links it.
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),

        // Pure targets: no clock, log, task, socket or C.
        .target(name: "RelayAPI", swiftSettings: strict),
        .target(name: "RelayCore", dependencies: [nio.core, collections], swiftSettings: strict),
        .target(name: "RelayRTMP", dependencies: ["RelayCore", nio.core], swiftSettings: strict),
        .target(name: "RelayFLV", dependencies: ["RelayCore", nio.core], swiftSettings: strict),
        .target(name: "RelayLink", dependencies: ["RelayCore", nio.core, collections], swiftSettings: testable),
        .target(name: "RelayCluster", dependencies: ["RelayCore", nio.core], swiftSettings: strict),
        .target(name: "RelayVerify", dependencies: ["RelayCore", nio.core], swiftSettings: strict),
        .target(
            name: "RelayScaling", dependencies: ["RelayCluster", "RelayCore", realModule, collections],
            swiftSettings: testable),
        .target(name: "RelayKubernetes", dependencies: ["RelayCore"], swiftSettings: strict),

        // Faces of the C libraries.
        .target(name: "RelayCrypto", dependencies: ["COpenSSL"], swiftSettings: strict),
        .target(name: "RelayFetch", dependencies: ["CCurl"], swiftSettings: strict),
        .target(
            name: "RelayRedis",
            dependencies: ["CHiredis", "RelayCluster", "RelayCore", nio.core, nio.posix, nio.tls, logging],
            swiftSettings: strict),

        // Composition: sockets, services, commands.
        .target(
            name: "RelayClient",
            dependencies: [
                "RelayCore", "RelayRTMP", "RelayFLV", "RelayCrypto", nio.core, nio.posix, nio.http1, nio.webSocket,
            ], swiftSettings: strict),
        .target(
            name: "RelayNode",
            dependencies: [
                "RelayAPI", "RelayCore", "RelayRTMP", "RelayFLV", "RelayLink", "RelayCluster", "RelayCrypto",
                "RelayRedis", "RelayScaling", "RelayKubernetes", "RelayFetch", "RelayClient", nio.core, nio.posix,
                nio.http1,
                nio.webSocket, nio.tls,
                collections, logging, lifecycle, unixSignals, configuration, hummingbird, yams,
            ],
            swiftSettings: testable),
        .target(
            name: "RelayTestKit",
            dependencies: [
                "RelayNode", "RelayAPI", "RelayClient", "RelayCluster", "RelayCore", "RelayLink", "RelayRTMP",
                "RelayFLV", "RelayRedis", "RelayVerify", nio.core, nio.posix, logging,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "relay",
            dependencies: [
                "RelayNode", "RelayCluster", argumentParser, logging, unixSignals,
            ], swiftSettings: strict),
        .executableTarget(
            name: "relayctl",
            dependencies: [
                "RelayAPI", "RelayCore", "RelayCluster", "RelayClient", "RelayFLV", "RelayRTMP", "RelayFetch",
                "RelayScaling",
                "RelayVerify", argumentParser, histogram, nio.core, nio.posix,
            ],
            swiftSettings: strict),

        // Replays demand traces, crowds, scale-ins and a whole fleet; `make bench-scaling`.
        .executableTarget(
            name: "scalingbench",
            dependencies: [
                "RelayScaling", "RelayCluster", "RelayCore", "RelayRedis", argumentParser, nio.posix, logging,
            ],
            path: "Tests/Benchmarks/Scaling", swiftSettings: strict),

        .testTarget(name: "RelayCoreTests", dependencies: ["RelayCore", nio.core], swiftSettings: strict),
        .testTarget(
            name: "RelayRTMPTests", dependencies: ["RelayRTMP", "RelayCore", "RelayCrypto", nio.core],
            swiftSettings: strict),
        .testTarget(name: "RelayFLVTests", dependencies: ["RelayFLV", "RelayCore", nio.core], swiftSettings: strict),
        .testTarget(
            name: "RelayLinkTests", dependencies: ["RelayLink", "RelayCore", "RelayCrypto", nio.core],
            swiftSettings: strict),
        .testTarget(
            name: "RelayClusterTests", dependencies: ["RelayCluster", "RelayCore", "RelayVerify", nio.core],
            swiftSettings: strict),
        .testTarget(
            name: "RelayVerifyTests", dependencies: ["RelayVerify", "RelayCore", nio.core], swiftSettings: strict),
        .testTarget(
            name: "RelayScalingTests", dependencies: ["RelayScaling", "RelayCluster", "RelayCore"],
            swiftSettings: strict),
        .testTarget(
            name: "RelayKubernetesTests", dependencies: ["RelayKubernetes", "RelayCore"], swiftSettings: strict),
        .testTarget(
            name: "RelayRedisTests",
            dependencies: [
                "RelayRedis", "RelayCluster", "RelayCore", "RelayNode", "RelayTestKit", nio.core, nio.posix, nio.tls,
                logging,
            ],
            swiftSettings: strict),
        .testTarget(name: "RelayCryptoTests", dependencies: ["RelayCrypto"], swiftSettings: strict),
        .testTarget(name: "RelayFetchTests", dependencies: ["RelayFetch", "RelayTestKit"], swiftSettings: strict),
        .testTarget(
            name: "RelayCtlTests",
            dependencies: [
                "relayctl", "RelayClient", "RelayCluster", "RelayCore", "RelayRTMP", "RelayFLV", "RelayScaling",
                "RelayTestKit",
                "RelayVerify", nio.core,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "RelayNodeTests",
            dependencies: [
                "RelayNode", "RelayTestKit", "RelayAPI", "RelayCluster", "RelayCore", "RelayFetch", "RelayFLV",
                "RelayKubernetes",
                "RelayRTMP", "RelayScaling", nio.core, nio.http1, nio.embedded, logging,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ContractTests",
            dependencies: [
                "RelayNode", "RelayAPI", "RelayCluster", "RelayCore", "RelayScaling", "RelayTestKit", "relayctl",
            ],
            exclude: ["Golden"], swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "RelayTestKit", "RelayAPI", "RelayClient", "RelayCluster", "RelayCore", "RelayRTMP", "RelayFLV",
                "RelayScaling", nio.core, nio.posix,
            ], swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
