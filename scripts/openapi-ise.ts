import type {
  oas31,
  ZodOpenApiHeadersObject,
  ZodOpenApiOperationObject,
  ZodOpenApiPathsObject,
  ZodOpenApiResponseObject,
} from 'zod-openapi'

type Schema = oas31.SchemaObject
type IseSchema = 'IseServerInfo' | 'IseDevices' | 'IseRefusal' | 'IseError'

const text: Schema = { type: 'string' }
const flag: Schema = { enum: ['true', 'false'] }
const root = { name: 'ise_api' }

function element(properties: Record<string, Schema>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name))
  return { type: 'object', properties, required, additionalProperties: false }
}

const version: Schema = { enum: ['1', '2', '3'] }
const guid: Schema = { ...text, description: 'Intune device id.' }
const macaddress: Schema = { ...text, pattern: '^[0-9A-F]{12}$' }

const attributes: Record<string, Schema> = {
  register_status: flag,
  compliance: element({ status: flag, failure_reason: text, remediation: text }, [
    'failure_reason',
    'remediation',
  ]),
  disk_encryption_on: flag,
  pin_lock_on: flag,
  jail_broken: flag,
  manufacturer: text,
  model: text,
  imei: text,
  meid: text,
  udid: text,
  serial_number: text,
  os_version: text,
  phone_number: text,
  lastCheckinTimeStamp: {
    ...text,
    pattern: '^-?[0-9]+$',
    description: 'Milliseconds since 1970; version 3.',
  },
  guid,
  macaddresses: { ...text, description: 'At most five, with commas; version 3.' },
}

const device = element({ macaddress, guid, attributes: element(attributes, Object.keys(attributes)) }, [
  'macaddress',
  'guid',
])
const actionResult = element({ action_status: flag, message_status: flag, failure_reason: text }, [
  'action_status',
  'message_status',
])

/** The documents of Cisco's MDM API, as properties by element name; every text is a string in XML. */
export const iseSchemas: Record<IseSchema, Schema> = {
  IseServerInfo: {
    ...element({
      name: { const: 'mdminfo' },
      api_version: version,
      api_path: { ...text, description: 'Where the rest is, from the root of the host.' },
      redirect_url: text,
      query_max_size: { ...text, pattern: '^[0-9]+$' },
      messaging_support: { const: 'false' },
      vendor: text,
      product_name: text,
      product_version: text,
    }),
    xml: root,
  },
  IseDevices: {
    ...element({
      name: { const: 'attributes' },
      api_version: version,
      paging_info: { ...text, pattern: '^[0-9]+$', description: '0: there is no further page.' },
      deviceList: {
        ...element({ device: { type: 'array', items: device } }, ['device']),
        description: 'Empty: the device is not registered.',
      },
    }),
    xml: root,
  },
  IseRefusal: {
    ...element(
      {
        name: { enum: ['action', 'sendmessage'] },
        api_version: version,
        deviceList: element({
          device: {
            type: 'array',
            items: element({ guid: text, macaddress: text, result: actionResult }, ['guid', 'macaddress']),
          },
        }),
        result: actionResult,
      },
      ['deviceList', 'result'],
    ),
    description: 'Nothing is ever carried out: the status is false.',
    xml: root,
  },
  IseError: {
    ...element({
      name: { const: 'error' },
      error_code: { ...text, pattern: '^[a-z_]+$', description: 'Stable: listed in docs/error-codes.md.' },
      error_message: text,
    }),
    xml: root,
  },
}

const noStore: ZodOpenApiHeadersObject = {
  'cache-control': { required: true, schema: { const: 'no-store' } },
}

function answer(
  description: string,
  name: IseSchema,
  headers: ZodOpenApiHeadersObject = {},
): ZodOpenApiResponseObject {
  return {
    description,
    headers: { ...noStore, 'x-decision-id': { required: false, schema: text }, ...headers },
    content: { 'application/xml': { schema: { $ref: `#/components/schemas/${name}` } } },
  }
}

const refusals = {
  '400': answer('The query, the path or the body is not of the form that is taken.', 'IseError'),
  '401': answer('No credentials, or wrong ones.', 'IseError', {
    'www-authenticate': { required: true, schema: text },
  }),
  '403': answer(
    'The client may not use this front end, or not from this address, or too many wrong credentials came from there.',
    'IseError',
  ),
  '413': answer('The body is larger than 64 KiB, or has more than 200 values.', 'IseError'),
  '415': answer('The body has a Content-Encoding, such as gzip.', 'IseError'),
  '500': answer('A defect of the service.', 'IseError'),
  '503': answer('The state could not be determined, or more arrives than can be answered.', 'IseError', {
    'retry-after': { required: true, schema: text },
  }),
}

type Parameter = oas31.ParameterObject

const query = (name: string, description: string, schema: Schema = text): Parameter => ({
  name,
  in: 'query',
  description,
  schema,
})
const segment = (name: string): Parameter => ({ name, in: 'path', required: true, schema: text })

const paging = query('paging', '0, or the paging_info of the last page.')
const querycriteria = query(
  'querycriteria',
  'macaddress, guid, udid, imei, meid, serialnumber, or compliance.',
)
const filter = query('filter', '`all`, or names of attributes joined by `+`.')
const deviceQuery = [
  paging,
  querycriteria,
  query('value', 'The identifier, or false with querycriteria=compliance.'),
  query('deviceidentifier', 'What the list of noncompliant devices names them by, in version 3.', {
    enum: ['guid', 'macaddress'],
  }),
  filter,
]

const values: ZodOpenApiOperationObject['requestBody'] = {
  required: true,
  description: 'XML of any shape with up to 200 `value` elements; the Content-Type is not looked at.',
  content: {
    'application/xml': {
      schema: { type: 'object', xml: root, properties: { value: { type: 'array', items: text } } },
    },
  },
}
const identifier: ZodOpenApiOperationObject['requestBody'] = {
  content: {
    'application/xml': {
      schema: {
        type: 'object',
        xml: root,
        properties: { identifier: { type: 'object', properties: { guid: text, macaddress: text } } },
      },
    },
  },
}

type Method = 'get' | 'post' | 'put'

function operation(
  method: Method,
  operationId: string,
  summary: string,
  schema: IseSchema,
  more: {
    readonly parameters?: readonly Parameter[]
    readonly requestBody?: ZodOpenApiOperationObject['requestBody']
  } = {},
) {
  const { parameters, requestBody } = more
  return {
    [method]: {
      operationId,
      summary,
      tags: ['ise'],
      ...(parameters && { parameters: [...parameters] }),
      ...(requestBody && { requestBody }),
      responses: { '200': answer('Answered.', schema), ...refusals },
    },
  }
}

function versionPaths(number: 1 | 2 | 3): [string, object][] {
  const base = `/ciscoise/mdmapi/v${number}`
  const id = (name: string) => `iseV${number}_${name}`
  const inPath: [string, object][] = [
    [
      `${base}/devices/{paging}/{querycriteria}/{value}/{filter}`,
      operation('get', id('deviceByPath'), 'Asks about one device, as version 1 does', 'IseDevices', {
        parameters: ['paging', 'querycriteria', 'value', 'filter'].map(segment),
      }),
    ],
    [
      `${base}/devices/{paging}/{filter}`,
      operation(
        'get',
        id('devicesByPath'),
        'Lists the noncompliant devices, as version 1 does',
        'IseDevices',
        {
          parameters: ['paging', 'filter'].map(segment),
        },
      ),
    ],
  ]
  return [
    [
      `${base}/devices`,
      operation('get', id('devices'), 'Asks about one device, or lists the noncompliant ones', 'IseDevices', {
        parameters: deviceQuery,
      }),
    ],
    ...(number === 1 ? inPath : []),
    [
      `${base}/batchdevices`,
      operation('post', id('batchDevices'), 'Asks about several devices', 'IseDevices', {
        parameters: [paging, querycriteria, filter],
        requestBody: values,
      }),
    ],
    [
      `${base}/action`,
      operation('post', id('action'), 'Refuses an action', 'IseRefusal', { requestBody: identifier }),
    ],
    [
      `${base}/action/{actionType}`,
      operation('post', id('actionOfType'), 'Refuses an action', 'IseRefusal', {
        parameters: [segment('actionType')],
        requestBody: identifier,
      }),
    ],
    [
      `${base}/sendmessage`,
      operation('put', id('sendMessage'), 'Refuses a message', 'IseRefusal', { requestBody: identifier }),
    ],
  ]
}

/** Every address of the ISE front end. */
export const isePaths: ZodOpenApiPathsObject = {
  '/ciscoise/mdminfo': operation('get', 'iseServerInfo', 'Says where the MDM API is', 'IseServerInfo', {
    parameters: [query('ise_api_version', 'The newest version that this ISE speaks.')],
  }),
  ...Object.fromEntries(([1, 2, 3] as const).flatMap(versionPaths)),
}
