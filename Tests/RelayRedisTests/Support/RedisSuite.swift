import RelayTestKit
import Testing

/// Everything that starts servers and measures times runs one after the other, so that tests do not slow each other down.
@Suite(
    "Redis", .serialized, .timeLimit(.minutes(1)),
    .enabled(if: RedisServer.isInstalled, "redis-server is not installed; apt-get install redis-server"))
enum RedisSuite {}
