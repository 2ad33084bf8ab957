// The types of KV caches on the processor.
import { checkKvCache } from './check-kv-cache'

checkKvCache('cpu-reference')
checkKvCache('cpu')
