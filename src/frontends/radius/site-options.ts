import { failure, type Outcome, success } from '../../errors/fault.ts'
import { type CalledStationForm, calledStationForms } from './called-station.ts'
import { type Dialect, dialects } from './reply-attributes.ts'

/** How a denial is told. `status`: 401. `control`: 200 with `control:Auth-Type := Reject`, for sites that act on it. */
export const denials = ['status', 'control'] as const

/** What a site asks for in the address that it is configured with. */
export interface SiteOptions {
  readonly dialect: Dialect
  readonly denial: (typeof denials)[number]
  readonly calledStation: CalledStationForm
}

/** The options of an address, the first of its values where one is left out. A misspelt one is `request_malformed`. */
export function parseSiteOptions(query: string): Outcome<SiteOptions> {
  const given = new URLSearchParams(query)
  const dialect = valueIn(given, 'dialect', dialects)
  const denial = valueIn(given, 'denial', denials)
  const calledStation = valueIn(given, 'called-station', calledStationForms)
  if (!dialect.ok) return dialect
  if (!denial.ok) return denial
  if (!calledStation.ok) return calledStation
  return success({ dialect: dialect.value, denial: denial.value, calledStation: calledStation.value })
}

function valueIn<T extends string>(
  options: URLSearchParams,
  name: string,
  values: readonly [T, ...T[]],
): Outcome<T> {
  const given = options.get(name)
  const value = given === null ? values[0] : values.find((one) => one === given)
  if (value !== undefined) return success(value)
  const message = `${name} in the address is one of ${values.join(', ')}.`
  return failure('request_malformed', message, { field: name })
}
