import t from 'tap'
import { type FaultCode, faultCatalogue } from '../../src/errors/catalogue.ts'
import { httpStatusOf, presentProblem } from '../../src/server/problem.ts'
import { requestFault } from '../../src/server/request-fault.ts'
import { schemaErrors } from '../openapi/validate-reply.ts'

const codes = Object.keys(faultCatalogue) as FaultCode[]

t.test('every code of the catalogue has a problem that the document describes', async (t) => {
  for (const code of codes) {
    const problem = presentProblem({ code, message: 'internal words', host: 'h', field: 'f', requestId: 'r' })
    t.same(schemaErrors(['components', 'schemas', 'Problem'], problem), [], code)
    const isCallers = faultCatalogue[code].area === 'caller'
    t.equal(problem.detail, isCallers ? 'internal words' : faultCatalogue[code].meaning, `${code}: detail`)
    t.equal(problem.field, isCallers ? 'f' : undefined, `${code}: field`)
    t.equal(problem.remedy, faultCatalogue[code].remedy)
  }
})

t.test('the status follows from whose fault it is', async (t) => {
  for (const code of codes) {
    const { area } = faultCatalogue[code]
    const status = httpStatusOf(code)
    if (area === 'caller') t.ok(status >= 400 && status < 500, `${code}: the caller's`)
    else if (area === 'configuration') t.equal(status, 500, `${code}: the operator's`)
    else if (area !== 'service') t.equal(status, 503, `${code}: may work later`)
  }
  t.equal(httpStatusOf('internal'), 500)
  t.equal(httpStatusOf('deadline_exceeded'), 503)
})

t.test('what is not known to be the caller\u2019s is a defect', async (t) => {
  const errors: readonly [unknown, FaultCode][] = [
    [new Error('x'), 'internal'],
    [undefined, 'internal'],
    ['text', 'internal'],
    [{ code: 'FST_ERR_NEW', statusCode: 500 }, 'internal'],
    [{ code: 'FST_ERR_NEW', statusCode: 600 }, 'internal'],
    [{ statusCode: '400' }, 'internal'],
    [{ code: 'FST_ERR_MAX_PARAM_LENGTH', statusCode: 414 }, 'request_malformed'],
    [{ code: 'FST_ERR_CTP_INVALID_CONTENT_LENGTH', statusCode: 400 }, 'request_malformed'],
    [{ code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413 }, 'body_too_large'],
  ]
  for (const [error, code] of errors) t.equal(requestFault(error).code, code, JSON.stringify(error))
})
