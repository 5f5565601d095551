import Glibc

/// Small files of the kernel, read as a whole.
enum SmallFile {
    /// Longest file that is read, bytes.
    private static let longest = 16_384

    /// nil when there is none, or it cannot be read.
    static func text(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return withUnsafeTemporaryAllocation(byteCount: longest, alignment: 1) { bytes -> String? in
            let count = read(descriptor, bytes.baseAddress, bytes.count)
            return count >= 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
        }
    }

    /// A file of one finite number.
    static func number(of path: String) -> Double? {
        guard let text = text(of: path)?.split(whereSeparator: \.isWhitespace).first, let value = Double(text),
            value.isFinite
        else { return nil }
        return value
    }

    /// The number behind a word at the beginning of a line.
    static func value(_ name: String, in path: String) -> Double? {
        for line in text(of: path)?.split(separator: "\n") ?? [] {
            let fields = line.split(separator: " ")
            if fields.count == 2, fields[0] == name, let value = Double(fields[1]), value.isFinite { return value }
        }
        return nil
    }
}
