import Foundation

/// A folder that looks to the code under test as `/` does.
final class KernelFolder {
    let path = "/tmp/relay-kernel-\(UUID().uuidString)"

    init(_ files: [String: String] = [:]) throws {
        for (file, text) in files { try write(file, text) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ file: String, _ text: String) throws {
        let url = URL(fileURLWithPath: path + file)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }
}
