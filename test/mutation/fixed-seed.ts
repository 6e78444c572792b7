/** Loaded before each test file of a mutation run: whether a mutant is found must not depend on luck. */
import fc from 'fast-check'

fc.configureGlobal({ seed: 20_261_123 })
