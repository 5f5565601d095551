// swift-tools-version: 6.2
import PackageDescription

// Fuzz targets, a package of their own, since libFuzzer brings its own `main` and the product must not depend on it.
// The pure targets are compiled again here through symbolic links, so that `package` declarations are in reach.
//
//   SWIFT_BACKTRACE=enable=no swift build -c release --sanitize=fuzzer --product FuzzFLV
//   .build/release/FuzzFLV -max_total_time=60 Corpora/FuzzFLV

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let core = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let collections = Target.Dependency.product(name: "DequeModule", package: "swift-collections")

/// The fuzz targets and what each of them reads.
let fuzzers: [(name: String, uses: [Target.Dependency])] = [
    ("FuzzFLV", ["RelayFLV", "RelayCore"]),
    ("FuzzMediaHeader", ["RelayCore"]),
    ("FuzzCodecHeaders", ["RelayCore"]),
    ("FuzzHandshake", ["RelayRTMP", "RelayCore"]),
    ("FuzzChunks", ["RelayRTMP", "RelayCore"]),
    ("FuzzAMF", ["RelayRTMP", "RelayCore"]),
    ("FuzzSession", ["RelayRTMP", "RelayCore"]),
    ("FuzzLink", ["RelayLink", "RelayCore"]),
]

let package = Package(
    name: "edge-relay-fuzz",
    platforms: [.macOS(.v15)],
    products: fuzzers.map { .executable(name: $0.name, targets: [$0.name]) },
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    ],
    targets: [
        .target(name: "RelayCore", dependencies: [core, collections], swiftSettings: settings),
        .target(name: "RelayRTMP", dependencies: ["RelayCore", core], swiftSettings: settings),
        .target(name: "RelayFLV", dependencies: ["RelayCore", core], swiftSettings: settings),
        .target(name: "RelayLink", dependencies: ["RelayCore", core, collections], swiftSettings: settings),
    ]
        + fuzzers.map {
            .executableTarget(
                name: $0.name, dependencies: $0.uses + [core],
                swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])])
        },
    swiftLanguageModes: [.v6]
)
