import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createSelfSignedCertificate } from '../certificates/certificate-authority.ts'
import { makeDirectory } from '../files/make-directory.ts'
import { UnusableFile } from './command.ts'

/** A certificate on disk; the key file is only known when it was made here. */
export interface CertificateOnDisk {
  readonly content: Buffer
  readonly certificateFile: string
  readonly privateKeyFile?: string
}

const DAY_MS = 86_400_000

/**
 * Makes a key (RSA) and a self-signed certificate in `directory`: app.pem and app.key, the key readable by its owner
 * alone. Nothing is ever overwritten: a file that is there is UnusableFile.
 */
export async function createCertificateFiles(options: {
  readonly directory: string
  readonly commonName: string
  readonly keyBits: number
  readonly days: number
}): Promise<CertificateOnDisk> {
  const directory = resolve(options.directory)
  const certificateFile = join(directory, 'app.pem')
  const privateKeyFile = join(directory, 'app.key')
  refuseExisting([certificateFile, privateKeyFile])
  const { certificatePem, privateKeyPem } = await createSelfSignedCertificate({
    commonName: options.commonName,
    keyBits: options.keyBits,
    notAfter: new Date(Date.now() + options.days * DAY_MS),
  })
  try {
    makeDirectory(directory, 0o777)
  } catch (error) {
    throw new UnusableFile(`--out: ${directory} cannot be made (${codeOf(error)})`)
  }
  writeNew(privateKeyFile, privateKeyPem, 0o600)
  try {
    writeNew(certificateFile, certificatePem, 0o644)
  } catch (error) {
    // Only the key that was just made: a key without its certificate is of no use and would block the next attempt.
    rmSync(privateKeyFile)
    throw error
  }
  return { content: Buffer.from(certificatePem), certificateFile, privateKeyFile }
}

/** UnusableFile, naming them, when any of the files is there already. */
export function refuseExisting(files: readonly string[]): void {
  const taken = files.filter((file) => existsSync(file))
  if (taken.length > 0) throw overwriting(taken)
}

/** Writes a file that must not be there yet, or UnusableFile. */
export function writeNew(file: string, text: string, mode: number): void {
  try {
    writeFileSync(file, text, { mode, flag: 'wx' })
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw overwriting([file])
    throw new UnusableFile(`${file} cannot be written (${codeOf(error)})`)
  }
}

function overwriting(files: readonly string[]): UnusableFile {
  return new UnusableFile(
    `never overwrites: ${files.join(' and ')} ${files.length === 1 ? 'is' : 'are'} there already`,
  )
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}
