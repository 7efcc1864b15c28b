// For trying things: the smallest of everything, no network of its own.
using 'main.bicep'

param name = 'codev'
param sqlAdmin = { name: '<name of the group>', objectId: '<its id>', type: 'Group' }
// The timers may rest for six hours once they found nothing for an hour, so that the database can pause.
param sqlAutoPauseMinutes = 60
param mailName = 'Biuro'
param alertEmails = ['<address>']
// Azure makes no budget in the first two days of a subscription; then 80, from the first day of a month.
param budgetAmount = 0
param budgetStart = ''
param settings = { Store__IdleMs: '21600000', Log__Level: 'info' }

param secretValues = json(readEnvironmentVariable('SECRET_VALUES', '{}'))
