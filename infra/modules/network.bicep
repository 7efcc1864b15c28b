// The network through which the app reaches the database where nothing else may.

@description('Base of every name.')
param name string
param location string

@description('A /24 that no peered network uses.')
param addressPrefix string

resource rules 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: '${name}-rules'
  location: location
  properties: {
    securityRules: [
      {
        name: 'no-inbound-from-the-internet'
        properties: {
          access: 'Deny'
          direction: 'Inbound'
          priority: 4000
          protocol: '*'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: '${name}-network'
  location: location
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: [
      {
        // Flex Consumption; a name with an underscore is refused.
        name: 'app'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 0)
          delegations: [{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]
          networkSecurityGroup: { id: rules.id }
        }
      }
      {
        name: 'endpoints'
        properties: { addressPrefix: cidrSubnet(addressPrefix, 27, 2), networkSecurityGroup: { id: rules.id } }
      }
      {
        // Where a container runs the handler (handler.sh).
        name: 'jobs'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 28, 6)
          delegations: [{ name: 'jobs', properties: { serviceName: 'Microsoft.ContainerInstance/containerGroups' } }]
          networkSecurityGroup: { id: rules.id }
        }
      }
    ]
  }
}

output networkId string = network.id
output appSubnetId string = '${network.id}/subnets/app'
output endpointsSubnetId string = '${network.id}/subnets/endpoints'
output jobsSubnetId string = '${network.id}/subnets/jobs'
