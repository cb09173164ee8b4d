package kind

// Merge applies a PATCH to a stored body: what the patch leaves out stays,
// null clears, objects merge member by member (RFC 7396). Neither argument is
// changed.
func Merge(before, patch Body) Body {
	out := Body{}
	for k, v := range before {
		out[k] = v
	}
	for k, v := range patch {
		inner, isObject := v.(Body)
		old, wasObject := out[k].(Body)
		switch {
		case v == nil:
			delete(out, k)
		case isObject && wasObject:
			out[k] = Merge(old, inner)
		default:
			out[k] = v
		}
	}
	return out
}
