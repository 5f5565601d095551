import CCurl
import Synchronization

/// One call in progress: owns the libcurl handle and the list of header fields, and frees both.
///
/// It is made by the caller and handed to the engine's thread, which alone touches it from then on; that hand-over is
/// what makes it safe to send.
final class FetchTransfer: @unchecked Sendable {
    /// Unique in the process; an address would be used again.
    let id = lastID.wrappingAdd(1, ordering: .relaxed).newValue
    let handle: UnsafeMutableRawPointer
    private static let lastID = Atomic<UInt64>(0)
    private var fields: UnsafeMutablePointer<curl_slist>?
    private let maximumBytes: Int
    private let deadline: ContinuousClock.Instant
    private var headers: [(name: String, value: String)] = []
    private var body: [UInt8] = []
    private var isTooLarge = false
    /// Where the body of a stream goes; nil for a call whose whole answer is awaited.
    private let buffer: FetchBuffer?
    private let idleTimeout: Duration
    private var heardAt = ContinuousClock.now

    /// - Throws: ``FetchError/Kind/badRequest`` when the request must not or cannot be sent.
    init(_ request: FetchRequest, buffer: FetchBuffer? = nil, idleTimeout: Duration = .zero) throws(FetchError) {
        try Self.check(request)
        guard FetchEngine.isLibraryReady, let handle = curl_easy_init() else {
            throw FetchError(kind: .broken, message: "libcurl could not be started.")
        }
        self.handle = handle
        maximumBytes = request.maximumBytes
        deadline = request.deadline
        self.buffer = buffer
        self.idleTimeout = idleTimeout
        var results: [CURLcode] = []
        func set(_ option: CURLoption, _ value: Int) { results.append(relay_curl_set_long(handle, option, value)) }
        func set(_ option: CURLoption, _ value: String) { results.append(relay_curl_set_string(handle, option, value)) }

        // Timeouts must not raise SIGALRM in a process with threads.
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_FOLLOWLOCATION, 0)
        // Empty = none, whatever http_proxy says: the calls go where the operator pointed, or nowhere.
        set(CURLOPT_PROXY, "")
        set(CURLOPT_URL, request.url)
        // A dead HTTP/2 connection outlives the call that ran into its deadline and is given to the next; a connection of
        // its own for each call under way ends with the call.
        set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        if let timeout = request.connectTimeout {
            set(CURLOPT_CONNECTTIMEOUT_MS, max(1, Self.milliseconds(timeout)))
        }
        if request.method == "HEAD" { set(CURLOPT_NOBODY, 1) } else { set(CURLOPT_CUSTOMREQUEST, request.method) }
        if let body = request.body {
            results.append(relay_curl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)))
            // libcurl copies the bytes; the zero only makes sure that there is a pointer to an empty body, too.
            var bytes = body + [0]
            results.append(relay_curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, &bytes))
            // No question whether the body is welcome: it is small, and the answer would cost a round trip.
            fields = curl_slist_append(fields, "Expect:")
        }
        for field in request.headers {
            // A field without a value is written with a semicolon; with a colon it would be left out.
            fields = curl_slist_append(fields, field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
        }
        if let fields { results.append(relay_curl_set_list(handle, CURLOPT_HTTPHEADER, fields)) }
        if let path = request.trustedCertificates {
            set(CURLOPT_CAINFO, path)
            // libcurl would keep what it read for a day, and would let a session be taken up again without a look at the
            // certificates: a file that was replaced must count with the next connection.
            set(CURLOPT_CA_CACHE_TIMEOUT, 0)
            set(CURLOPT_SSL_SESSIONID_CACHE, 0)
        }
        results.append(relay_curl_set_callback(handle, CURLOPT_WRITEFUNCTION, Self.receiveBody))
        results.append(relay_curl_set_callback(handle, CURLOPT_HEADERFUNCTION, Self.receiveHeader))
        let context = Unmanaged.passUnretained(self).toOpaque()
        results.append(relay_curl_set_pointer(handle, CURLOPT_WRITEDATA, context))
        results.append(relay_curl_set_pointer(handle, CURLOPT_HEADERDATA, context))
        results.append(relay_curl_set_pointer(handle, CURLOPT_PRIVATE, context))
        guard results.allSatisfy({ $0 == CURLE_OK }) else {
            throw FetchError(kind: .badRequest, message: "libcurl does not accept the request.")
        }
    }

    deinit {
        curl_easy_cleanup(handle)
        curl_slist_free_all(fields)
    }

    /// Sets the time that is left; called on the engine's thread right before the transfer starts. False when none is.
    func arm() -> Bool {
        heardAt = .now
        let milliseconds = Self.milliseconds(deadline - .now)
        guard milliseconds > 0 else { return false }
        return relay_curl_set_long(handle, CURLOPT_TIMEOUT_MS, milliseconds) == CURLE_OK
    }

    /// When a stream has been silent for too long; nil for other calls, and while its reader keeps it waiting.
    var silentAt: ContinuousClock.Instant? {
        guard let buffer, !buffer.isPaused else { return nil }
        return heardAt + idleTimeout
    }

    /// The reader has caught up; on the engine's thread.
    func goOn() {
        heardAt = .now
        curl_easy_pause(handle, CURLPAUSE_CONT)
    }

    private static func milliseconds(_ duration: Duration) -> Int {
        let (seconds, attoseconds) = duration.components
        return Int(min(seconds, 1 << 30) * 1000 + attoseconds / 1_000_000_000_000_000)
    }

    /// The outcome, once libcurl is done with the handle.
    func outcome(_ code: CURLcode) -> Result<FetchResponse, FetchError> {
        if isTooLarge {
            return .failure(FetchError(kind: .tooLarge, message: "The answer is longer than \(maximumBytes) bytes."))
        }
        guard code == CURLE_OK else { return .failure(Self.error(code)) }
        var status = 0
        relay_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        guard status >= 200 else {
            return .failure(FetchError(kind: .broken, message: "The answer has no final status."))
        }
        return .success(FetchResponse(status: status, headers: headers, body: body))
    }

    private enum Reception { case taken, refused, later }

    private func receive(_ bytes: UnsafeRawBufferPointer) -> Reception {
        heardAt = .now
        if let buffer { return buffer.append(bytes) ? .taken : .later }
        return append(bytes) ? .taken : .refused
    }

    private func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= maximumBytes - body.count else {
            isTooLarge = true
            return false
        }
        body.append(contentsOf: bytes)
        return true
    }

    private func appendHeader(_ line: String) {
        // A new status line (100 Continue, then the answer) starts over. libcurl bounds the header as a whole.
        if line.hasPrefix("HTTP/") {
            headers = []
        } else if let colon = line.firstIndex(of: ":") {
            headers.append((String(line[..<colon]), Self.trim(line[line.index(after: colon)...])))
        } else if let buffer, line.allSatisfy(\.isNewline) {
            var status = 0
            relay_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
            if status >= 200 { buffer.begin((status, headers)) }
        }
    }

    private static let receiveBody: relay_curl_data_callback = { data, size, count, context in
        guard let data, let context else { return 0 }
        let transfer = Unmanaged<FetchTransfer>.fromOpaque(context).takeUnretainedValue()
        switch transfer.receive(UnsafeRawBufferPointer(start: data, count: size * count)) {
        case .taken: return size * count
        case .refused: return 0
        case .later: return Int(CURL_WRITEFUNC_PAUSE)
        }
    }

    private static let receiveHeader: relay_curl_data_callback = { data, size, count, context in
        guard let data, let context else { return 0 }
        let transfer = Unmanaged<FetchTransfer>.fromOpaque(context).takeUnretainedValue()
        transfer.heardAt = .now
        transfer.appendHeader(String(decoding: UnsafeRawBufferPointer(start: data, count: size * count), as: UTF8.self))
        return size * count
    }

    private static func trim(_ text: Substring) -> String {
        String(text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }

    private static func check(_ request: FetchRequest) throws(FetchError) {
        func refuse(_ what: String) -> FetchError { FetchError(kind: .badRequest, message: what) }
        guard !request.method.isEmpty,
            request.method.utf8.allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) })
        else { throw refuse("The method is not a word in capitals.") }
        guard request.url.hasPrefix("http://") || request.url.hasPrefix("https://"),
            request.url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
        else { throw refuse("The URL does not start with http:// or https://, or has blanks in it.") }
        for field in request.headers {
            let isToken =
                !field.name.isEmpty && field.name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
            guard isToken, field.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
                throw refuse("A header field has control bytes or no name.")
            }
        }
        guard request.maximumBytes >= 0 else { throw refuse("The longest answer is negative.") }
    }

    private static func error(_ code: CURLcode) -> FetchError {
        let reason = String(cString: curl_easy_strerror(code))
        switch code {
        case CURLE_URL_MALFORMAT, CURLE_BAD_FUNCTION_ARGUMENT:
            return FetchError(kind: .badRequest, message: "The URL is not valid (\(reason)).")
        case CURLE_COULDNT_RESOLVE_HOST:
            return FetchError(kind: .cannotResolve, message: "The host name has no address (\(reason)).")
        case CURLE_COULDNT_CONNECT:
            return FetchError(kind: .cannotConnect, message: "Nothing accepts connections there (\(reason)).")
        case CURLE_OPERATION_TIMEDOUT:
            return FetchError(kind: .timedOut, message: "There was no whole answer in time.")
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_CIPHER, CURLE_USE_SSL_FAILED:
            return FetchError(kind: .tls, message: "TLS failed (\(reason)).")
        default:
            return FetchError(kind: .broken, message: "The answer is broken (\(reason)).")
        }
    }
}
