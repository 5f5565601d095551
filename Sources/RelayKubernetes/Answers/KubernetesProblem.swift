/// Why a call of the Kubernetes API did not do what was asked.
package enum KubernetesProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// 401: the token is not, or no longer, taken.
    case unauthorised
    /// 403: what was asked for, and the server's words.
    case denied(String)
    /// 404.
    case missing(String)
    /// 409, and 422 where it means the same: something changed meanwhile. Look again and decide anew; never send it again.
    case conflict(String)
    /// 410: the version or the page asked for is forgotten. List again.
    case gone
    /// 429 and 5xx, and how long the server asks to be left alone.
    case busy(status: Int, retryAfter: Duration?)
    /// No answer: no connection, TLS, deadline.
    case unreachable(String)
    /// An answer that is none: not JSON, too long, the wrong shape.
    case unreadable(String)
    /// Any other status.
    case refused(status: Int, String)

    /// nil for a status of success.
    ///
    /// - Parameters:
    ///   - retryAfter: the header field of that name; only its form in seconds counts.
    ///   - details: the body, if it could be read.
    package init?(status: Int, retryAfter: String?, details: StatusObject?, to request: KubernetesRequest) {
        let said = details?.message.map(Self.clean) ?? ""
        let words = request.words + (said.isEmpty ? "" : ": " + said)
        switch status {
        case 200...299: return nil
        case 401: self = .unauthorised
        case 403: self = .denied(words)
        case 404: self = .missing(words)
        case 409: self = .conflict(words)
        case 410: self = .gone
        case 422:
            // A failed test of a JSON Patch; and for pods, unlike workloads, another uid than the one in a merge patch.
            let isOther = details?.details?.causes?.contains { $0.field == "metadata.uid" } == true
            if case .jsonPatch = request.body {
                self = .conflict(words)
            } else {
                self = isOther ? .conflict(words) : .refused(status: status, words)
            }
        case 408, 429, 500...599:
            self = .busy(
                status: status,
                retryAfter: Self.seconds(retryAfter.flatMap { Int($0) } ?? details?.details?.retryAfterSeconds))
        default: self = .refused(status: status, words)
        }
    }

    /// The ERROR event of a watch.
    package init(_ status: StatusObject, to request: KubernetesRequest) {
        if status.reason == "Expired" || status.reason == "Gone" {
            self = .gone
        } else {
            self =
                Self(status: status.code ?? 500, retryAfter: nil, details: status, to: request)
                ?? .unreadable("\(request.words): an error without a status")
        }
    }

    /// The longest that a server may keep us away; without a bound, one wrong answer would stop scaling for good.
    static let maximumRetryAfter = 120

    /// Whether the same call may do better later without anybody doing anything about it.
    package var isTransient: Bool {
        switch self {
        case .busy, .unreachable, .unreadable, .gone, .conflict: true
        case .unauthorised, .denied, .missing, .refused: false
        }
    }

    package var description: String {
        switch self {
        case .unauthorised: "the API server does not take the token (401)"
        case .denied(let words): "not allowed (403): \(words)"
        case .missing(let words): "not found (404): \(words)"
        case .conflict(let words): "changed meanwhile: \(words)"
        case .gone: "the version asked for is forgotten (410)"
        case .busy(let status, let retryAfter):
            "the API server is busy (\(status))" + (retryAfter.map { ", asks for \($0)" } ?? "")
        case .unreachable(let words): "the API server cannot be reached: \(words)"
        case .unreadable(let words): "the answer cannot be read: \(words)"
        case .refused(let status, let words): "refused (\(status)): \(words)"
        }
    }

    private static func seconds(_ count: Int?) -> Duration? {
        count.flatMap { $0 >= 0 ? .seconds(min($0, maximumRetryAfter)) : nil }
    }

    /// A server's words as they may stand in a log: short, and one line.
    static func clean(_ text: String) -> String {
        EventObject.cut(
            String(text.prefix(300).map { $0.isNewline || $0.asciiValue.map { $0 < 32 } == true ? " " : $0 }), 300)
    }
}
