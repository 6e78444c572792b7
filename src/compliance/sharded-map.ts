const shardCount = 256

/**
 * A map in many small ones. A Map makes its table anew when it is full, all of it at once: with a million entries
 * everybody waits 70 ms for that, with a 256th of them nobody notices.
 */
export class ShardedMap<Value> {
  readonly #shards = Array.from({ length: shardCount }, () => new Map<string, Value>())

  get(key: string): Value | undefined {
    return this.#shardOf(key).get(key)
  }

  set(key: string, value: Value): void {
    this.#shardOf(key).set(key, value)
  }

  delete(key: string): boolean {
    return this.#shardOf(key).delete(key)
  }

  #shardOf(key: string): Map<string, Value> {
    return this.#shards[shardOf(key)] as Map<string, Value>
  }
}

/** The end of a key is what differs: the last digits of an address, an id or a serial number. */
const hashedLength = 6

function shardOf(key: string): number {
  let hash = 0
  for (let index = Math.max(0, key.length - hashedLength); index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  }
  return (hash ^ (hash >>> 15)) & (shardCount - 1)
}
