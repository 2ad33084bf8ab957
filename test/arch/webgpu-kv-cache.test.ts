// The types of KV caches on whatever adapter there is.
import { checkKvCache } from './check-kv-cache'

checkKvCache('webgpu')
