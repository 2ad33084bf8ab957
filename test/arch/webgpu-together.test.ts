// Common steps on the driver that the environment names.
import { checkTogether } from './check-together'

checkTogether('webgpu')
