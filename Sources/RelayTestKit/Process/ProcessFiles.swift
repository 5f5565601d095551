import Foundation
import Glibc

/// What `/proc` says about another process (proc(5)).
package enum ProcessFiles {
    /// A line of `/proc/PID/status` such as `VmRSS`, bytes.
    static func status(_ field: String, of pid: pid_t) -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8) else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix(field + ":") }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }

    /// Descriptors open in a process.
    static func descriptors(of pid: pid_t) -> Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count) ?? 0
    }

    /// TCP ports that a process listens on.
    static func listeningPorts(of pid: pid_t) -> [Int] {
        let folder = "/proc/\(pid)/fd"
        let links = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")
        }
        let inodes = Set(links.compactMap { $0.hasPrefix("socket:[") ? String($0.dropFirst(8).dropLast()) : nil })
        guard let table = try? String(contentsOfFile: "/proc/\(pid)/net/tcp", encoding: .utf8) else { return [] }
        return table.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(whereSeparator: \.isWhitespace)
            // Local address, state (0A = listening) and inode.
            guard fields.count > 9, fields[3] == "0A", inodes.contains(String(fields[9])) else { return nil }
            return fields[1].split(separator: ":").last.flatMap { Int($0, radix: 16) }
        }
    }
}

extension RelayProcess {
    /// Resident memory, bytes.
    package var residentBytes: Int { ProcessFiles.status("VmRSS", of: pid) ?? 0 }
    /// The most resident memory since the last ``resetPeak()``, bytes.
    package var peakResidentBytes: Int { ProcessFiles.status("VmHWM", of: pid) ?? 0 }
    /// Descriptors open.
    package var descriptors: Int { ProcessFiles.descriptors(of: pid) }

    /// Lets the peak start from the present.
    package func resetPeak() {
        // 5 resets the high water mark (proc(5), clear_refs).
        try? "5".write(toFile: "/proc/\(pid)/clear_refs", atomically: false, encoding: .utf8)
    }

    /// Proportional share of memory, bytes: what the process costs beyond what it shares with others.
    package var proportionalBytes: Int {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/smaps_rollup", encoding: .utf8) else { return 0 }
        let line = text.split(separator: "\n").first { $0.hasPrefix("Pss:") }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 } ?? 0
    }
}
