import Foundation
package import Logging
import RelayClient
import RelayCore
import RelayFetch
package import RelayKubernetes
import Synchronization

/// Calls of the Kubernetes API: adds the server, the token and deadlines to requests that are values, and turns every failure
/// into a ``KubernetesProblem``. One per process.
package final class KubernetesClient: Sendable {
    /// Connecting, TLS included: a server of the cluster is near.
    static let connectTimeout = Duration.seconds(3)
    /// A whole call.
    static let callTimeout = Duration.seconds(10)
    /// One line of a watch: an object is at most 1.5 MiB in etcd, and may grow a little as JSON.
    static let maximumLineBytes = 4 << 20

    package let namespace: KubernetesName
    let identity: String
    private let access: KubernetesAccess
    private let token: KubernetesToken?
    private let userAgent: String
    private let fetch: Fetch
    private let outcomes = Mutex<[KubernetesOutcome: Int]>([:])

    /// - Parameter environment: of the process, for the server's address in a pod.
    /// - Throws: ``KubernetesSettings/Mistakes`` with everything that has to be put right.
    package init(
        settings: KubernetesSettings, environment: [String: String], logger: Logger
    ) throws(KubernetesSettings.Mistakes) {
        access = try KubernetesAccess(settings, environment: environment)
        namespace = access.namespace
        identity = settings.identity
        token = access.tokenFile.map { KubernetesToken(path: $0) }
        userAgent = "relay-autoscaler/" + String(settings.release.filter { $0.isASCII && !$0.isWhitespace }.prefix(64))
        do { fetch = try Fetch() } catch { throw KubernetesSettings.Mistakes(list: ["autoscaler.driver: \(error)"]) }
        logger.info(
            "Kubernetes API",
            metadata: [
                "url": "\(access.base)", "namespace": "\(namespace)", "token": "\(access.tokenFile ?? "none")",
                "ca": "\(access.caFile ?? "system")",
            ])
    }

    /// Calls so far, by how they ended; for metrics.
    package var counters: [KubernetesOutcome: Int] { outcomes.withLock { $0 } }

    /// Makes a call and reads its answer as a value.
    ///
    /// - Throws: ``KubernetesProblem``.
    package func value<Value: Decodable>(
        _ type: Value.Type, of request: KubernetesRequest, timeout: Duration = KubernetesClient.callTimeout
    ) async throws(KubernetesProblem) -> Value {
        let body = try await send(request, timeout: timeout)
        do { return try JSONDecoder().decode(type, from: Data(body)) } catch {
            count(.unreadable)
            // Not the decoder's words: they may repeat the answer.
            throw .unreadable("\(request.words): not a \(type)")
        }
    }

    /// Makes a call whose answer does not matter but for its success.
    ///
    /// - Throws: ``KubernetesProblem``.
    @discardableResult
    package func send(
        _ request: KubernetesRequest, timeout: Duration = KubernetesClient.callTimeout
    ) async throws(KubernetesProblem) -> [UInt8] {
        let deadline = ContinuousClock.now + timeout
        do throws(KubernetesProblem) {
            do throws(KubernetesProblem) {
                return try await sendOnce(request, deadline)
            } catch {
                guard error == .unauthorised, let token else { throw error }
                // The token may have been replaced a moment ago.
                token.isRefused()
                count(.unauthorised)
                return try await sendOnce(request, deadline)
            }
        } catch {
            count(KubernetesOutcome(error))
            throw error
        }
    }

    /// Opens a watch. The stream's status is one of success.
    ///
    /// - Throws: ``KubernetesProblem``.
    func watch(
        _ request: KubernetesRequest, timeout: Duration, idleTimeout: Duration
    ) async throws(KubernetesProblem) -> FetchStream {
        let deadline = ContinuousClock.now + timeout
        do throws(KubernetesProblem) {
            do throws(KubernetesProblem) {
                return try await watchOnce(request, deadline, idleTimeout)
            } catch {
                guard error == .unauthorised, let token else { throw error }
                token.isRefused()
                count(.unauthorised)
                return try await watchOnce(request, deadline, idleTimeout)
            }
        } catch {
            count(KubernetesOutcome(error))
            throw error
        }
    }

    private func sendOnce(
        _ request: KubernetesRequest, _ deadline: ContinuousClock.Instant
    ) async throws(KubernetesProblem) -> [UInt8] {
        let answer: FetchResponse
        do throws(FetchError) { answer = try await fetch.send(make(request, deadline)) } catch {
            throw KubernetesProblem(error, request)
        }
        if let problem = KubernetesProblem(
            status: answer.status, retryAfter: answer.header("Retry-After"), details: Self.details(answer.body),
            to: request)
        {
            throw problem
        }
        count(.done)
        return answer.body
    }

    private func watchOnce(
        _ request: KubernetesRequest, _ deadline: ContinuousClock.Instant, _ idleTimeout: Duration
    ) async throws(KubernetesProblem) -> FetchStream {
        let stream: FetchStream
        let body: [UInt8]
        do throws(FetchError) {
            stream = try await fetch.stream(make(request, deadline), idleTimeout: idleTimeout)
            guard stream.status != 200 else {
                count(.done)
                return stream
            }
            body = try await stream.rest(maximumBytes: request.maximumBytes)
        } catch {
            throw KubernetesProblem(error, request)
        }
        throw KubernetesProblem(
            status: stream.status, retryAfter: stream.header("Retry-After"), details: Self.details(body), to: request)
            ?? .unreadable("\(request.words): not a watch")
    }

    private func make(_ request: KubernetesRequest, _ deadline: ContinuousClock.Instant) -> FetchRequest {
        var headers = [(name: "Accept", value: "application/json"), (name: "User-Agent", value: userAgent)]
        if let token = token?.value(now: .now()) { headers.append((name: "Authorization", value: "Bearer " + token)) }
        var body: [UInt8]?
        if let value = request.body {
            headers.append((name: "Content-Type", value: value.contentType))
            // Of values of ours, which encode; an empty body would be refused by the server, not by a trap here.
            body = (try? JSONEncoder().encode(value)).map { Array($0) } ?? []
        }
        return FetchRequest(
            method: request.method.rawValue, url: access.base + request.target, headers: headers, body: body,
            deadline: deadline, connectTimeout: Self.connectTimeout, maximumBytes: request.maximumBytes,
            trustedCertificates: access.caFile)
    }

    private static func details(_ body: [UInt8]) -> StatusObject? {
        guard body.count <= 64 << 10 else { return nil }
        return try? JSONDecoder().decode(StatusObject.self, from: Data(body))
    }

    private func count(_ outcome: KubernetesOutcome) { outcomes.withLock { $0[outcome, default: 0] += 1 } }
}
