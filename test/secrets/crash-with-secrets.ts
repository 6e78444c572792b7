/**
 * Loaded into a service under test: on SIGUSR2 it fails the way a defect in a library would, with an error that drags a
 * whole request behind it. What is in CRASH_DETAIL must not come out.
 */
process.on('SIGUSR2', () => {
  const detail = process.env.CRASH_DETAIL ?? ''
  throw Object.assign(new Error('planted defect'), {
    code: 'EPLANTED',
    headers: { authorization: `Bearer ${detail}` },
    request: { body: `password=${detail}` },
    cause: new Error(
      `sent was {"authorization":"Bearer ${detail}","password": "${detail}"} and client_secret=${detail}`,
    ),
  })
})
