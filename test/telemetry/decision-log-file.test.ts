import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DecisionLogFile } from '../../src/telemetry/decision-log-file.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

t.test('lines that come in while others are written wait for the next 100 ms', async (t) => {
  const file = join(t.testdir({}), 'decisions.log')
  const clock = new FakeClock()
  const onNotice = () => t.fail('nothing goes wrong')
  const log = new DecisionLogFile({ file, maxBytes: 1_000_000, keepFiles: 1 }, { clock, onNotice })
  const hasWritten = async (text: string) => {
    while (readFileSync(file, 'utf8') !== text) await realTurn()
  }
  log.write(Buffer.from('first\n'))
  const begun = clock.advance(100)
  log.write(Buffer.from('second\n'))
  log.write(Buffer.from('third\n'))
  await begun
  await hasWritten('first\n')
  for (let turn = 0; turn < 20; turn += 1) await realTurn()
  t.equal(readFileSync(file, 'utf8'), 'first\n', 'one write for all that come within 100 ms')
  t.equal(log.status().pendingBytes, 'second\nthird\n'.length)

  await clock.advance(100)
  await hasWritten('first\nsecond\nthird\n')
  log.write(Buffer.from('last\n'))
  await log.close()
  t.equal(readFileSync(file, 'utf8'), 'first\nsecond\nthird\nlast\n', 'closing waits for nothing')
})

/** Time for a thread that writes, which the injected clock knows nothing about. */
function realTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2))
}
