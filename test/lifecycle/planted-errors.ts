/** Loaded into a service under test: fails the way a defect would, a promise that nobody looks at or an exception. */
process.on('SIGWINCH', () => {
  setImmediate(() => {
    void Promise.reject(new Error('planted rejection'))
  })
})
process.on('SIGURG', () => {
  setImmediate(() => {
    throw new Error('planted exception')
  })
})
