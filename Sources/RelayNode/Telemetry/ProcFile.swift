import Glibc

/// A small file of `/proc`, kept open and read anew each time.
struct ProcFile {
    private let path: String
    private var descriptor: Int32?

    init(_ path: String) { self.path = path }

    /// The file's fields, split at spaces; nil when it cannot be read.
    ///
    /// Where the path says `thread-self`, the descriptor belongs to the thread that read first.
    mutating func fields() -> [Substring]? {
        if descriptor == nil { descriptor = open(path, O_RDONLY | O_CLOEXEC) }
        guard let descriptor, descriptor >= 0 else { return nil }
        let text = withUnsafeTemporaryAllocation(byteCount: 1_024, alignment: 1) { bytes -> String? in
            let count = pread(descriptor, bytes.baseAddress, bytes.count, 0)
            return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
        }
        return text?.split(whereSeparator: { $0 == " " || $0 == "\n" })
    }

    /// Gives the descriptor back; the next read opens the file anew.
    mutating func close() {
        if let descriptor, descriptor >= 0 { _ = Glibc.close(descriptor) }
        descriptor = nil
    }

    /// User and system time of a `stat` file in seconds (proc(5), fields 14 and 15; the command's name before them may hold
    /// spaces, so fields are counted from its closing parenthesis).
    mutating func cpuSeconds() -> Double? {
        guard let fields = fields(), let name = fields.lastIndex(where: { $0.hasSuffix(")") }),
            fields.count > name + 13, let user = Double(fields[name + 12]), let system = Double(fields[name + 13])
        else { return nil }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
