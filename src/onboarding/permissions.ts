/**
 * The least that an app registration needs, as `requiredResourceAccess` of its manifest: get_device_compliance of the
 * Microsoft Intune API, and Application.Read.All of Microsoft Graph, with which service discovery may be asked (Intune
 * support tip "Intune service discovery API endpoint will require specific permissions"). Both are application
 * permissions, so an administrator has to consent.
 */
export const requiredResourceAccess = [
  {
    resourceAppId: 'c161e42e-d4df-4a3d-9b42-e7a3c31f59d4',
    resourceAccess: [{ id: '7ec88bad-30c7-4928-a005-4455362cfd98', type: 'Role' }],
  },
  {
    resourceAppId: '00000003-0000-0000-c000-000000000000',
    resourceAccess: [{ id: '9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30', type: 'Role' }],
  },
] as const

/** The same for a person. */
export const permissionNames = [
  'Intune: get_device_compliance (application permission)',
  'Microsoft Graph: Application.Read.All (application permission)',
] as const
