// Common steps on the processor, in product and as plain loops.
import { checkTogether } from './check-together'

checkTogether('cpu')
checkTogether('cpu-reference')
